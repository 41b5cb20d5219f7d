UPDATE {lease} SET broken = true WHERE name = ANY ($1::bytea[]) AND until > NOW_US
