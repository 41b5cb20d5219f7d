-- The sessions of a server with their transactions. A prepared transaction has no session:
-- its holder is 0.
SELECT a.pid AS id, COALESCE(a.usename, '') AS "user", COALESCE(a.application_name, '') AS host, COALESCE(a.datname, '') AS db,
       (a.state LIKE 'idle%')::int AS idle, COALESCE(a.query, '') AS statement,
       COALESCE(extract(epoch FROM clock_timestamp() - a.xact_start) * 1000000, 0)::bigint AS transaction,
       COALESCE(extract(epoch FROM clock_timestamp() -
                        (SELECT min(l.waitstart) FROM pg_locks l WHERE l.pid = a.pid AND NOT l.granted)) * 1000000, 0)::bigint AS waited
FROM pg_stat_activity a
WHERE a.pid <> pg_backend_pid()
