-- The expression for the primary key of a table as a JSON list of strings.
SELECT 'json_build_array(' || string_agg(quote_ident(a.attname) || '::text', ', ' ORDER BY k.n) || ')'
FROM pg_index i
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, n)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = $1::regclass AND i.indisprimary
