SHOW VARIABLES WHERE Variable_name IN ('transaction_isolation', 'tx_isolation', 'innodb_lock_wait_timeout', 'wait_timeout',
	'innodb_flush_log_at_trx_commit', 'read_only', 'super_read_only', 'innodb_read_only', 'wsrep_on',
	'group_replication_single_primary_mode', 'log_bin', 'binlog_format')
