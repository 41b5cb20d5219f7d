UPDATE lease SET broken = 1 WHERE name = ?1 AND until > NOW_US
