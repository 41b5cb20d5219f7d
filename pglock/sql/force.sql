DELETE FROM {lease} WHERE name = ANY ($1::bytea[])
