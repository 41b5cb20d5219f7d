-- What the statement could name: kind, whether a column draws from a sequence, and whether
-- it is a table without a primary key.
SELECT c.oid::regclass::text AS tab, c.relkind::text AS "kind",
       EXISTS (SELECT 1 FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
               WHERE a.attrelid = c.oid AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%'))::text AS numbered,
       (c.relkind = 'r' AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary))::text AS keyless
FROM pg_class c
WHERE c.relname IN (SELECT json_array_elements_text($1::json)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND (pg_table_is_visible(c.oid) OR c.relnamespace IN
       (SELECT oid FROM pg_namespace WHERE nspname IN (SELECT json_array_elements_text($1::json))))
  AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
