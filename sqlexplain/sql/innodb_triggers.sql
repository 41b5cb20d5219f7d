-- A trigger of one of the tables that names a table which a rollback does not restore.
SELECT g.trigger_name, t.table_name
FROM information_schema.triggers g
JOIN information_schema.tables t ON t.table_schema = g.trigger_schema
     AND t.table_type = 'BASE TABLE' AND t.engine NOT IN ('InnoDB', 'PERFORMANCE_SCHEMA')
     AND LOCATE(t.table_name, g.action_statement) > 0
WHERE g.event_object_table IN (%[1]s) AND (g.event_object_schema = DATABASE() OR g.event_object_schema IN (%[1]s))
LIMIT 1
