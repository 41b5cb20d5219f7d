-- A lock is one plain key, as most other libraries keep it: a value that is the
-- holder's alone, and an expiry. Ours also says when the lock was granted, which is
-- its token, and what people want to know:
--   pawl:HOLDER:TOKEN:LENGTH:OWNERNOTE
-- A lock that may not be renewed any more has 'broken:' before its value, whoever
-- made it: no client finds its own value then, so that none can renew it.
--
-- KEYS[1] is the lock. This file comes before each of the others.
local BROKEN = 'broken:'
local RELEASED = 'pawl-released' -- the value of a mark

-- value returns the lock's value without BROKEN, and whether that was there; or nil,
-- and the type of the key if it is of another one.
local function value()
	local kind = redis.call('TYPE', KEYS[1]).ok
	if kind ~= 'string' then
		return nil, kind ~= 'none' and kind
	end
	local v = redis.call('GET', KEYS[1])
	if string.sub(v, 1, #BROKEN) == BROKEN then
		return string.sub(v, #BROKEN + 1), true
	end
	return v, false
end

-- is reports whether v is of the holder whose value begins with start.
local function is(v, start)
	return v and string.sub(v, 1, #start) == start
end
