-- ARGV: '1' to free at once. Returns broken, free, or endless for a lock without an
-- expiry, which would never be free; or type and the type of the key.
local v, broken = value()
if not v then
	return broken and {'type', broken} or {'free'}
end
if ARGV[1] == '1' then
	redis.call('DEL', KEYS[1])
	return {'broken'}
end
if redis.call('PTTL', KEYS[1]) < 0 then
	return {'endless'}
end
if not broken then
	redis.call('SET', KEYS[1], BROKEN .. v, 'KEEPTTL')
end
return {'broken'}
