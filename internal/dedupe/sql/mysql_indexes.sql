-- The columns of each index in order. A prefix, an expression or a descending column
-- has a NULL name here: no walk in order can rest on it.
SELECT INDEX_NAME, NON_UNIQUE = 0,
       CASE WHEN SUB_PART IS NULL AND COLLATION = 'A' THEN COLUMN_NAME END
FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND INDEX_TYPE = 'BTREE'
ORDER BY INDEX_NAME, SEQ_IN_INDEX
