SELECT 1 FROM {tx} WHERE name = ?
