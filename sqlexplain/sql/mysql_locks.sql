-- The locks of one transaction, in the order of the server's hash table. The table has an
-- index on engine_transaction_id.
SELECT engine_lock_id, object_schema, object_name, index_name, lock_type, lock_mode, lock_data
FROM performance_schema.data_locks
WHERE engine_transaction_id = ? AND lock_status = 'GRANTED'
LIMIT ?
