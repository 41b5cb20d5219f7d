DELETE FROM {line} WHERE name = ? AND holder = ? AND @pawl = 1
