DELETE FROM lease WHERE name = ?1 AND until > NOW_US
