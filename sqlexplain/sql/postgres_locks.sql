-- What a backend holds of the user's tables and indexes in this database. The locks on its
-- own transaction ids are left out: they stand for the rows that it has written.
SELECT COALESCE(i.indrelid, l.relation)::regclass::text AS tab,
       CASE WHEN i.indexrelid IS NULL THEN '' ELSE c.relname END AS idx,
       l.locktype AS "kind", l.mode, COALESCE(l.page, 0) AS page, COALESCE(l.tuple, 0) AS tuple
FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation
LEFT JOIN pg_index i ON i.indexrelid = l.relation
WHERE l.pid = $1 AND l.granted AND l.locktype IN ('relation', 'page', 'tuple')
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND c.relnamespace <> 'pg_catalog'::regnamespace
ORDER BY i.indexrelid IS NOT NULL, 1, 2, l.locktype <> 'relation', l.mode, l.page, l.tuple
