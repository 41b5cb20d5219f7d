-- Makes a writer the one that writes, or lets it stay that: 1, or 0 when another one is.
-- KEYS: the lease. ARGV: the writer, the TTL in milliseconds.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
