-- Returns one of
--   held, value, until when in milliseconds of the server's clock or -1, 1 if broken
--   free
--   type, the type of the key
local v, broken = value()
if not v then
	return broken and {'type', broken} or {'free'}
end
if v == RELEASED then
	return {'free'}
end
local till = redis.pcall('PEXPIRETIME', KEYS[1])
if type(till) == 'table' then -- before Redis 7
	local clock = redis.call('TIME')
	till = redis.call('PTTL', KEYS[1])
	if till >= 0 then
		till = till + clock[1] * 1000 + math.floor(clock[2] / 1000)
	end
end
return {'held', v, string.format('%.0f', till), broken and 1 or 0}
