-- Locks the row, and makes it where it is missing: INSERT IGNORE would take a shared lock
-- first, from which two would deadlock.
INSERT INTO {tx} (name) VALUES (?) ON DUPLICATE KEY UPDATE name = name
