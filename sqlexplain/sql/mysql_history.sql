-- The latest statements of a session that is still there, the last one first.
SELECT h.sql_text
FROM performance_schema.events_statements_history h
JOIN performance_schema.threads t USING (thread_id)
WHERE t.processlist_id = ? AND h.sql_text IS NOT NULL
ORDER BY h.event_id DESC
