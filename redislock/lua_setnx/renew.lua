-- ARGV: how the holder's value begins, TTL in milliseconds. Returns renewed, or lost
-- and why.
local v, broken = value()
if not is(v, ARGV[1]) then
	return {'lost', 'expired or freed'}
end
if broken then
	return {'lost', 'broken'}
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'renewed'}
