-- What a holder id has: a lease and its remaining time, or a place in line.
SELECT token, until - ?3, claimed FROM lease WHERE name = ?1 AND holder = ?2
UNION ALL
SELECT 0, 0, 0 FROM waiter WHERE holder = ?2
