-- The tables that foreign keys of these tables point at.
SELECT DISTINCT k.referenced_table_name
FROM information_schema.key_column_usage k
WHERE k.referenced_table_name IS NOT NULL
  AND k.table_name IN (%[1]s) AND (k.table_schema = DATABASE() OR k.table_schema IN (%[1]s))
