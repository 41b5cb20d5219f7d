-- A grant at the instant ?8, until ?9.
INSERT INTO lease (name, holder, client, mode, slots, ttl, owner, note, token, since, until, claimed)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?10, max(counter.token + 1, ?8), ?8, ?9, ?11
FROM counter
RETURNING token
