-- The uncontended release, in one statement: of a lease that its holder has, when
-- nobody is in line.
DELETE FROM lease
WHERE name = ?1 AND holder = ?2 AND claimed AND NOT EXISTS (SELECT 1 FROM waiter WHERE name = ?1)
