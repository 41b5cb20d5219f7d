-- Never creates, never revives.
UPDATE lease SET until = NOW_US + ttl
WHERE name = ?1 AND holder = ?2 AND until > NOW_US AND NOT broken
