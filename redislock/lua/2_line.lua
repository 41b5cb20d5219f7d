-- admits says whether w may hold beside those who hold now.
local function admits(s, w)
	if s.holder then
		return false
	end
	if not s.crowded then
		return true
	end
	local n = redis.call('ZCARD', s.leases)
	if n == 0 then
		return true
	end
	if w.slots > 0 then
		return s.group == w.slots and n < w.slots
	end
	return w.mode == 's' and s.group == 0
end

-- grant makes a holder of w. An unclaimed grant lasts for the claim window.
local function grant(s, w, ttl, unclaimed)
	w.token, w.since, w.unclaimed = nextToken(s), now, unclaimed
	if w.mode == 'x' and w.slots == 0 then
		s.holder, s.till, s.since, s.details, s.unclaimed, s.broken = w.id, now + ttl, now, w.details, unclaimed, false
	else
		crowd(s, w.slots)
		redis.call('ZADD', s.leases, text(now + ttl), w.id)
		redis.call('HSET', s.infos, w.id, pack(w))
	end
	keep(s, w.ttl)
end

-- vacate takes the exclusive holder off the lock.
local function vacate(s)
	s.holder, s.till, s.details, s.unclaimed, s.broken = false, 0, '', false, false
	s.changed = true
end

-- tell wakes a waiter that was granted, through its client's channel. It is a hint:
-- where publishing is refused, an error here must not undo what was written.
local function tell(s, w)
	if w.client ~= '' then
		redis.pcall(ARGV[1], w.client, w.id)
	end
end

-- leaveLine takes id out of the line.
local function leaveLine(s, id)
	redis.call('HDEL', s.infos, '~' .. id, id)
	return redis.call('ZREM', s.line, id) == 1
end

-- sweep drops what has run out, and grants the lock to those at the head of the line
-- who may have it.
local function sweep(s)
	if s.holder and s.till <= now then
		vacate(s)
	end
	if not s.crowded then
		return
	end
	local gone = redis.call('ZRANGE', s.leases, '-inf', text(now), 'BYSCORE')
	for _, id in ipairs(gone) do
		redis.call('ZREM', s.leases, id)
		redis.call('HDEL', s.infos, id)
	end
	while true do
		local id = redis.call('ZRANGE', s.line, 0, 0)[1]
		if not id then
			break
		end
		local alive = tonumber(redis.call('HGET', s.infos, '~' .. id) or 0)
		local w = info(s, id)
		if not w or alive <= now then
			leaveLine(s, id)
		elseif admits(s, w) then
			leaveLine(s, id)
			grant(s, w, math.min(tonumber(ARGV[2]), w.ttl), true)
			tell(s, w)
		else
			break
		end
	end
	if redis.call('EXISTS', s.leases, s.line) == 0 then
		s.crowded, s.group, s.changed = false, -1, true
	end
end

-- first returns the time until the first lease in the way runs out.
local function first(s)
	if s.holder then
		return s.till - now
	end
	local lease = redis.call('ZRANGE', s.leases, 0, 0, 'WITHSCORES')
	return lease[2] and tonumber(lease[2]) - now or 0
end
