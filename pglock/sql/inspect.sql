-- Who holds and who waits: of the name $1, or with $2 of every name that begins with it.
-- One statement, so one snapshot.
SELECT name, false, holder, owner, note, 0, 0, token, since, until, broken, 0 AS seq
FROM {lock} WHERE (name = $1 OR $2 AND name >= $1 AND substring(name FOR length($1)) = $1)
	AND holder <> '' AND until > NOW_US
UNION ALL
SELECT name, false, holder, owner, note, mode, slots, token, since, until, broken, 0
FROM {lease} WHERE (name = $1 OR $2 AND name >= $1 AND substring(name FOR length($1)) = $1) AND until > NOW_US
UNION ALL
SELECT name, true, holder, owner, note, mode, slots, 0, since, 0, false, seq
FROM {waiter} WHERE (name = $1 OR $2 AND name >= $1 AND substring(name FOR length($1)) = $1) AND until > NOW_US
ORDER BY 1, 2, 12, 8
