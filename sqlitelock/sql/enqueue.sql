INSERT INTO waiter (name, holder, client, mode, slots, ttl, owner, note, since, until)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9 + ?10)
