-- What the statement could name: the kind and engine of each table, and whether it lacks an
-- index that InnoDB could hold the rows in. %s are lists of names.
SELECT t.table_schema, t.table_name, t.table_type, COALESCE(t.engine, '') AS storage,
       t.create_options LIKE '%%partitioned%%' AS partitioned, t.auto_increment IS NOT NULL AS numbered,
       NOT EXISTS (SELECT 1 FROM information_schema.statistics s
                   WHERE s.table_schema = t.table_schema AND s.table_name = t.table_name AND s.non_unique = 0
                   GROUP BY s.index_name HAVING SUM(s.nullable = 'YES') = 0) AS keyless
FROM information_schema.tables t
WHERE t.table_name IN (%[1]s) AND (t.table_schema = DATABASE() OR t.table_schema IN (%[1]s))
