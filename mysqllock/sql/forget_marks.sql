DELETE FROM {line} WHERE name IN ({names}) AND kind = 2 AND until < {now}
