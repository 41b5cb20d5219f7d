-- The foreign keys that point at a table: name, the table that has it, the pair of
-- columns with the type of the first, and whether a delete changes or deletes its rows
-- (c: cascade, n: set null, d: set default).
SELECT f.conname, n.nspname, c.relname, a.attname, b.attname, format_type(a.atttypid, a.atttypmod),
       f.confdeltype IN ('c', 'n', 'd')
FROM pg_constraint f
JOIN pg_class c ON c.oid = f.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY AS k(child, parent, n)
JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.child
JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = k.parent
WHERE f.contype = 'f' AND f.confrelid = $1::bigint::oid AND f.conparentid = 0
ORDER BY n.nspname, c.relname, f.conname, k.n
