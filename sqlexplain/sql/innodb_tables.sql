-- What the statement could name: the kind and engine of each table. %s are lists of names.
SELECT t.table_schema, t.table_name, t.table_type, COALESCE(t.engine, '') AS storage,
       t.create_options LIKE '%%partitioned%%' AS partitioned, t.auto_increment IS NOT NULL AS numbered
FROM information_schema.tables t
WHERE t.table_name IN (%[1]s) AND (t.table_schema = DATABASE() OR t.table_schema IN (%[1]s))
