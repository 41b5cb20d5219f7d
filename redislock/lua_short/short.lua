-- The exclusive locks that nobody else wants: a list of acquisitions that do not wait
-- and of releases, each on the first key of its lock alone. What it finds otherwise it
-- does not touch and answers 0, and the client asks the long script.
--
-- It is short because Redis builds a script's functions anew for each call, which of
-- the long one costs as much as two operations.
--
-- ARGV[1]: the operations, each packed as OPERATION: 1 to acquire and 0 to release, ttl,
-- holder, details. Answers are the token of a new lease, -1 for a lease that was given
-- back, 0, or for a lock that somebody holds a list: details, since, until.
local OPERATION = '>BdHc0Hc0'
local call, pcall, pack, unpack, max = redis.call, redis.pcall, struct.pack, struct.unpack, math.max

local answers = {}
local acquire, ttl, id, details
local at = 1
for i = 1, #KEYS do
	local key, answer = KEYS[i], 0
	acquire, ttl, id, details, at = unpack(OPERATION, ARGV[1], at)
	local packed = pcall('HGET', key, 'v1')
	local token, kept, marked, place, group, till, since, flags, holder, known = 0, 0, 0, 0, -1, 0, 0, 0, '', ''
	if packed and type(packed) == 'string' then
		token, kept, marked, place, group, till, since, flags, holder, known = unpack(STATE, packed)
	end
	if packed and type(packed) ~= 'string' or marked > now then
		-- an error, or somebody was released before it arrived
	elseif acquire == 1 and till > now and holder ~= id then
		answer = {known, since, till}
	elseif group >= 0 then
		-- there are others who hold or wait
	elseif acquire == 1 and till <= now then
		token, till, since, flags, holder, known = max(token + 1, now), now + ttl, now, 0, id, details
		answer = token
	elseif acquire == 0 and holder == id and flags % 2 == 0 then
		till, flags, holder, known = 0, 0, '', ''
		answer = -1
	end
	if type(answer) == 'number' and answer ~= 0 then
		local keep = kept <= now + DAY / 2 + ttl
		if keep then
			kept = now + DAY + ttl
		end
		local written = pcall('HSET', key, 'v1', pack(STATE, token, kept, marked, place, group, till, since, flags, #holder, holder, #known, known))
		if type(written) == 'table' then
			answer = 0
		elseif keep then
			call('PEXPIRE', key, string.format('%.0f', math.ceil((kept - now) / 1000)))
		end
	end
	answers[i] = answer
end
return answers
