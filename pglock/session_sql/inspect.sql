-- Who holds the lock $1 and who waits for it, in the order of the line. Of other users'
-- sessions the query is hidden.
SELECT l.pid::text, (l.mode = 'ShareLock')::int::text, l.granted::int::text,
    coalesce((extract(epoch FROM l.waitstart) * 1000000)::bigint::text, ''),
    coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'local'), coalesce(a.usename::text, ''), coalesce(a.query, '')
FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid = (($1::bigint >> 32) & 4294967295)::text::oid AND l.objid = ($1::bigint & 4294967295)::text::oid
ORDER BY l.waitstart NULLS LAST, l.pid
