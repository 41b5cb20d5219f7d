DELETE FROM {lock}
WHERE name IN ({names}) AND holder = '' AND line = 0 AND marked < {now} AND since < {now} - 86400000000 AND token < {now}
