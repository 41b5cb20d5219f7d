DELETE FROM lease WHERE name = ?1 AND until <= ?2
