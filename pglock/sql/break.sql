UPDATE {lock} SET broken = true WHERE name = ANY ($1::bytea[]) AND holder <> '' AND until > NOW_US
