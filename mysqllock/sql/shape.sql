-- A line for each column and each key.
SELECT CONCAT(table_name, ' column ', column_name, ' ', IF(data_type = 'varbinary', column_type, data_type))
FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name IN (?, ?)
UNION ALL
SELECT CONCAT(table_name, ' key ', index_name, ' (', GROUP_CONCAT(column_name ORDER BY seq_in_index), ')')
FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name IN (?, ?) AND non_unique = (index_name IN ('place', 'client'))
GROUP BY table_name, index_name
