DELETE FROM waiter WHERE name = ?1 AND until <= ?2
