-- What batch.sql does for one exclusive lock to give back.
SELECT pg_backend_pid(), pg_advisory_unlock($1::bigint)::int
