-- The locks of one transaction: table locks first, then row locks in the order taken. The
-- table has an index on engine_transaction_id, and no sorting must lose that order.
SELECT object_schema, object_name, index_name, lock_type, lock_mode, lock_data
FROM performance_schema.data_locks
WHERE engine_transaction_id = ? AND lock_status = 'GRANTED'
LIMIT ?
