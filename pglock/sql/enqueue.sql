-- Puts requests in line, or keeps them there: but for those that hold already, that were
-- released before they arrived, or that want other slots than the name is in use with.
INSERT INTO {waiter} (name, holder, client, mode, slots, ttl, owner, note, since, until)
SELECT r.name, r.holder, $8, r.mode, r.slots, r.ttl, r.owner, r.note, NOW_US, NOW_US + $9::bigint
FROM unnest($1::bytea[], $2::text[], $3::smallint[], $4::integer[], $5::bigint[], $6::bytea[], $7::bytea[])
	AS r (name, holder, mode, slots, ttl, owner, note)
WHERE NOT EXISTS (SELECT FROM {mark} m WHERE m.name = r.name AND m.holder = r.holder)
	AND NOT EXISTS (SELECT FROM {lease} l WHERE l.name = r.name AND (l.holder = r.holder OR l.slots <> r.slots))
	AND NOT EXISTS (SELECT FROM {waiter} w WHERE w.name = r.name AND w.slots <> r.slots)
ON CONFLICT (name, holder) DO UPDATE SET until = excluded.until
