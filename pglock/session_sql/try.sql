-- What batch.sql does for one exclusive lock to try, in a quarter of the time.
SELECT pg_backend_pid(), CASE WHEN pg_try_advisory_lock($1::bigint) THEN nextval('{sequence}') ELSE 0 END
