-- The head of the line.
SELECT holder, client, mode, slots, ttl, owner, note FROM waiter WHERE name = ?1 ORDER BY seq LIMIT 1
