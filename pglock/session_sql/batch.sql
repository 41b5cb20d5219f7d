-- One round trip for what a session has to do: $1 its timeout in milliseconds or
-- nothing, $2 and $3 the locks to give back, $4 and $5 those to try, exclusive ones
-- first. The first row is the session's process id, which proves that the session is
-- the same as before. A CASE evaluates its result after its condition: the token is
-- read under the lock.
SELECT CASE WHEN $1::text = '' THEN pg_backend_pid() WHEN set_config('idle_session_timeout', $1, false) <> '' THEN pg_backend_pid() END::bigint
UNION ALL SELECT pg_advisory_unlock(k)::int FROM unnest($2::bigint[]) AS k
UNION ALL SELECT pg_advisory_unlock_shared(k)::int FROM unnest($3::bigint[]) AS k
UNION ALL SELECT CASE WHEN pg_try_advisory_lock(k) THEN nextval('{sequence}') ELSE 0 END FROM unnest($4::bigint[]) AS k
UNION ALL SELECT CASE WHEN pg_try_advisory_lock_shared(k) THEN nextval('{sequence}') ELSE 0 END FROM unnest($5::bigint[]) AS k
