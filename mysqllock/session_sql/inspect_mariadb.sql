-- Who holds the lock {key}, and which of pawl's sessions wait for it, the longest first:
-- the performance schema is off by default, so those that wait are known by the comment
-- in their statement.
SELECT p.ID, p.ID = IS_USED_LOCK('{key}'), p.USER, p.HOST, IFNULL(p.INFO, ''), ''
FROM information_schema.PROCESSLIST AS p
WHERE p.ID = IS_USED_LOCK('{key}') OR LEFT(p.INFO, CHAR_LENGTH('{comment}')) = '{comment}'
ORDER BY p.ID = IS_USED_LOCK('{key}') DESC, p.TIME_MS DESC
