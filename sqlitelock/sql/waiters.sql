SELECT name, holder, owner, note, mode, slots, since FROM waiter
WHERE (name = ?1 OR ?2 AND substr(name, 1, length(?1)) = ?1) AND until > NOW_US
ORDER BY name, seq
