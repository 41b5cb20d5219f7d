-- KEYS[2]: the holder's mark. ARGV: how the holder's value begins, its details, TTL in
-- milliseconds. Returns one of
--   granted, token, milliseconds left
--   held, value, milliseconds left
--   marked
--   type, the type of the key
if redis.call('EXISTS', KEYS[2]) == 1 then
	return {'marked'}
end
local clock = redis.call('TIME')
local token = string.format('%.0f', clock[1] * 1000000 + clock[2])
if redis.call('SET', KEYS[1], ARGV[1] .. token .. ':' .. ARGV[2], 'NX', 'PX', ARGV[3]) then
	return {'granted', token, tonumber(ARGV[3])}
end
local v, kind = value()
if not v then
	return {'type', kind}
end
local left = redis.call('PTTL', KEYS[1])
if is(v, ARGV[1]) then
	return {'granted', string.match(v, '^%d+', #ARGV[1] + 1), left}
end
return {'held', v, left}
