-- A stored function that writes: what it writes to cannot be seen.
SELECT routine_name
FROM information_schema.routines
WHERE routine_type = 'FUNCTION' AND sql_data_access = 'MODIFIES SQL DATA'
  AND routine_name IN (%[1]s) AND (routine_schema = DATABASE() OR routine_schema IN (%[1]s))
LIMIT 1
