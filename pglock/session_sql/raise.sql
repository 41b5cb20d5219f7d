-- Tokens stand on the server's microseconds: also after the sequence was made anew, or a
-- failover has lost its last values, and above those of another backend that kept the
-- locks before. One session at a time, since a late setval would take back another's.
BEGIN;
SELECT pg_advisory_xact_lock({guard});
{create};
SELECT setval('{sequence}', t.floor)
FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS floor) AS t, {sequence_name} AS s
WHERE s.last_value < t.floor;
COMMIT
