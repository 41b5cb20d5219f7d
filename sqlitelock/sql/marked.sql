SELECT count(*) FROM mark WHERE holder = ?1 AND until > ?2
