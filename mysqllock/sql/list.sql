-- Who holds and who waits, of one name or of all that begin so.
SELECT name, 1 AS kind, 0 AS seq, holder, owner, note, 0 AS mode, 0 AS slots, token, since, until, broken
FROM {lock} WHERE {which} AND holder <> '' AND until > {now}
UNION ALL
SELECT name, kind, seq, holder, owner, note, mode, slots, token, since, until, broken
FROM {line} WHERE {which} AND kind < 2 AND until > {now}
ORDER BY name, kind DESC, seq
