DELETE FROM waiter WHERE holder = ?1
