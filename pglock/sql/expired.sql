-- Those of the names of which something has run out that nobody has cleared away.
SELECT n.name FROM unnest($1::bytea[]) AS n (name)
WHERE EXISTS (SELECT FROM {lease} l WHERE l.name = n.name AND l.until <= NOW_US)
