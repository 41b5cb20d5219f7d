-- The sessions of a server with their transactions. A session without a transaction has
-- nothing that others wait for, but may wait for a definition itself.
SELECT p.id AS id, p.user AS user, COALESCE(p.host, '') AS host, COALESCE(p.db, '') AS db, p.command = 'Sleep' AS idle,
       COALESCE(p.info, '') AS statement, p.time AS seconds,
       COALESCE(TIMESTAMPDIFF(MICROSECOND, t.trx_started, NOW(6)), 0) AS transaction,
       COALESCE(TIMESTAMPDIFF(MICROSECOND, t.trx_wait_started, NOW(6)), p.time * 1000000) AS waited
FROM information_schema.processlist p
LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
WHERE p.id <> CONNECTION_ID()
