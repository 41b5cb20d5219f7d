DELETE FROM {line} WHERE seq = ? AND @pawl = 1
