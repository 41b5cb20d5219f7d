-- A session waits for as long as it has to. A wait whose client has gone ends within
-- half a second, so that it is not granted. The sequence need not reach the disk with
-- each statement: after a crash every session begins by raising it to the clock.
SELECT set_config(name, '0', false) FROM pg_settings
WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout', 'idle_session_timeout');
SELECT set_config('synchronous_commit', 'off', false)
