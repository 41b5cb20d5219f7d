-- What pawl doctor wants to know of the server. $1 is the table of locks, quoted.
SELECT current_setting('server_version'),
	pg_is_in_recovery(),
	(SELECT reset_val FROM pg_settings WHERE name = 'default_transaction_isolation'), -- without the driver's own SET
	current_setting('synchronous_commit'),
	current_setting('fsync'),
	current_setting('full_page_writes'),
	(SELECT c.relpersistence::text FROM pg_class c WHERE c.oid = to_regclass($1::text)),
	(SELECT count(*) FROM pg_stat_replication),
	current_setting('synchronous_standby_names'),
	coalesce(current_setting('idle_session_timeout', true), '0'),
	(SELECT reset_val FROM pg_settings WHERE name = 'statement_timeout'),
	current_setting('deadlock_timeout'),
	(SELECT pg_get_userbyid(c.relowner)::text FROM pg_class c WHERE c.oid = to_regclass($1::text)),
	NOW_US
