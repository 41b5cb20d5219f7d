-- Takes what was granted in line: its full time begins now.
UPDATE {lease} l SET claimed = true, since = NOW_US, until = NOW_US + l.ttl
FROM unnest($1::bytea[], $2::text[]) AS r (name, holder)
WHERE l.name = r.name AND l.holder = r.holder AND NOT l.claimed AND l.until > NOW_US
RETURNING l.name, l.token, l.until - NOW_US
