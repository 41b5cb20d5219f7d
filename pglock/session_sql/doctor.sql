-- What Check looks at, by name.
SELECT name, setting FROM pg_settings WHERE name IN ('max_locks_per_transaction', 'max_connections')
UNION ALL SELECT 'version', current_setting('server_version')
UNION ALL SELECT 'pid', pg_backend_pid()::text
UNION ALL SELECT 'replicas', count(*)::text FROM pg_stat_replication
UNION ALL SELECT 'signal', pg_has_role('pg_signal_backend', 'USAGE')::int::text
UNION ALL SELECT 'clock', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text
