-- Who waits for whom: an edge for each lock that is waited for, row locks and table metadata.
SELECT r.processlist_id AS waiter, b.processlist_id AS blocker,
       CONCAT(l.object_schema, '.', l.object_name, IF(l.index_name IS NULL, '', CONCAT(' ', l.index_name)),
              IF(l.lock_data IS NULL, '', CONCAT(' (', l.lock_data, ')'))) AS what, l.lock_mode AS mode
FROM performance_schema.data_lock_waits w
JOIN performance_schema.data_locks l ON l.engine_lock_id = w.requesting_engine_lock_id AND l.engine = w.engine
JOIN performance_schema.threads r ON r.thread_id = w.requesting_thread_id
JOIN performance_schema.threads b ON b.thread_id = w.blocking_thread_id
UNION
SELECT r.processlist_id, b.processlist_id, CONCAT(p.object_schema, '.', p.object_name, ' (definition)'), p.lock_type
FROM performance_schema.metadata_locks p
JOIN performance_schema.metadata_locks g ON g.object_type = p.object_type AND g.object_schema = p.object_schema
     AND g.object_name = p.object_name AND g.lock_status = 'GRANTED' AND g.owner_thread_id <> p.owner_thread_id
JOIN performance_schema.threads r ON r.thread_id = p.owner_thread_id
JOIN performance_schema.threads b ON b.thread_id = g.owner_thread_id
WHERE p.lock_status = 'PENDING' AND p.object_type = 'TABLE'
