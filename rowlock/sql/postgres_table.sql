-- The columns of a table and what its indexes serve. $1: the table, quoted.
-- Rows: index ('' for the columns of the table itself), unique, column, type.
-- An index on an expression, a partial one (WHERE), one that is still being built and one
-- that is no B-tree or hash serves no key.
SELECT '', false, a.attname, format_type(a.atttypid, a.atttypmod), 0, a.attnum::int
FROM pg_attribute a
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT c.relname, i.indisunique AND i.indimmediate, coalesce(a.attname, ''), '', i.indexrelid::int, k.pos::int
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am m ON m.oid = c.relam AND m.amname IN ('btree', 'hash')
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, pos)
LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = to_regclass($1) AND i.indisvalid AND i.indpred IS NULL AND k.pos <= i.indnkeyatts
ORDER BY 5, 6
