-- The columns of a table in order, with the type as it is written in a cast, and the
-- place in the primary key, 0 for none. An int2vector counts from 0.
SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
       COALESCE(array_position(i.indkey::int2[], a.attnum) + 1, 0)
FROM pg_attribute a
LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
