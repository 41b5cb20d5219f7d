WITH leases AS (DELETE FROM {lease} WHERE name = ANY ($1::bytea[]) AND until <= NOW_US),
	waiters AS (DELETE FROM {waiter} WHERE name = ANY ($1::bytea[]) AND until <= NOW_US)
DELETE FROM {mark} WHERE name = ANY ($1::bytea[]) AND until <= NOW_US
