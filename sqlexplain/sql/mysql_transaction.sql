-- The transaction of a session, and how many row locks it has.
SELECT trx_id, trx_rows_locked FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = ?
