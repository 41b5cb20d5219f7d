-- Who waits for whom on InnoDB: an edge for each lock that is waited for.
SELECT r.trx_mysql_thread_id AS waiter, b.trx_mysql_thread_id AS blocker,
       CONCAT(REPLACE(l.lock_table, '`', ''), IF(l.lock_index IS NULL, '', CONCAT(' ', l.lock_index)),
              IF(l.lock_data IS NULL, '', CONCAT(' (', l.lock_data, ')'))) AS what, l.lock_mode AS mode
FROM information_schema.innodb_lock_waits w
JOIN information_schema.innodb_locks l ON l.lock_id = w.requested_lock_id
JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id
JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id
