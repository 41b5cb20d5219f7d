-- Moves the leases of crowded names out of their own rows.
WITH moved AS (
	INSERT INTO {lease} (name, holder, client, mode, slots, ttl, owner, note, token, since, until, claimed, broken)
	SELECT name, holder, '', 0, 0, ttl, owner, note, token, since, until, true, broken
	FROM {lock} WHERE name = ANY ($1::bytea[]) AND holder <> ''
	RETURNING name
)
UPDATE {lock} l SET holder = '', until = 0 FROM moved WHERE l.name = moved.name
