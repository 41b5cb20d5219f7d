-- The uncontended grant of exclusive leases, of many names in one statement, whether the
-- names are new or not: what is in use, has a line or may have marks stays as it is.
-- Everything is decided by VALUES(since), which is read once for each row and before the
-- row is waited for: a grant that comes late is short, and never too long. until comes
-- last, because what precedes it is decided by its old value.
INSERT INTO {lock} (name, version, token, holder, client, ttl, owner, note, since, until, claimed, broken, line, marked)
VALUES {rows}
ON DUPLICATE KEY UPDATE
	version = version + IF({free}, 1, 0),
	token = IF({free}, GREATEST(token + 1, VALUES(since)), token),
	holder = IF({free}, VALUES(holder), holder),
	client = IF({free}, VALUES(client), client),
	ttl = IF({free}, VALUES(ttl), ttl),
	owner = IF({free}, VALUES(owner), owner),
	note = IF({free}, VALUES(note), note),
	claimed = IF({free}, 1, claimed),
	broken = IF({free}, 0, broken),
	since = IF({free}, VALUES(since), since),
	until = IF({free}, VALUES(until), until);
SELECT name, holder, token, until - {now}, claimed FROM {lock} WHERE name IN ({names})
