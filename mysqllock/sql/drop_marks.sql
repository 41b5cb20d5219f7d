DELETE FROM {line} WHERE name = ? AND kind = 2 AND until <= ? AND @pawl = 1
