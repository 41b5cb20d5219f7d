-- The columns of each index of a table, in order.
SELECT s.index_name, s.non_unique = 0, COALESCE(s.column_name, ''), COALESCE(c.data_type, ''), COALESCE(c.column_type, '')
FROM information_schema.statistics s
LEFT JOIN information_schema.columns c
       ON c.table_schema = s.table_schema AND c.table_name = s.table_name AND c.column_name = s.column_name
WHERE s.table_schema = ? AND s.table_name = ?
ORDER BY s.index_name, s.seq_in_index
