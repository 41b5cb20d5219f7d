-- The transaction of a session, told by any of its locks.
SELECT l.engine_transaction_id
FROM performance_schema.data_locks l
JOIN performance_schema.threads t ON t.thread_id = l.thread_id
WHERE t.processlist_id = ?
LIMIT 1
