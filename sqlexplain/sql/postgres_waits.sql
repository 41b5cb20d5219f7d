-- Who waits for whom: an edge for each session in the way.
SELECT a.pid AS waiter, b.pid AS blocker,
       COALESCE((SELECT CASE l.locktype
                            WHEN 'relation' THEN l.relation::regclass::text
                            WHEN 'tuple' THEN l.relation::regclass::text || ' (' || l.page || ',' || l.tuple || ')'
                            WHEN 'transactionid' THEN 'a row of transaction ' || l.transactionid
                            ELSE l.locktype END
                 FROM pg_locks l WHERE l.pid = a.pid AND NOT l.granted LIMIT 1), '') AS what,
       COALESCE((SELECT l.mode FROM pg_locks l WHERE l.pid = a.pid AND NOT l.granted LIMIT 1), '') AS mode
FROM pg_stat_activity a
CROSS JOIN LATERAL unnest(pg_blocking_pids(a.pid)) AS b(pid)
WHERE a.wait_event_type = 'Lock'
GROUP BY a.pid, b.pid
