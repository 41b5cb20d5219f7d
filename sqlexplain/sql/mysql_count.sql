-- How many row locks a transaction has.
SELECT trx_rows_locked FROM information_schema.innodb_trx WHERE trx_id = ?
