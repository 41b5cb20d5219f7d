local operations = {}

-- asker is who acquires, one table for all like state.
local asker = {}

-- acquire: holder, mode ('x', 's' or how many slots), ttl, details, client's channel or
-- '' not to wait. Returns one of
--   granted, token, time left
--   line, others before it, time until the first lease in the way runs out
--   held, details of a holder, since, until
--   marked
--   slots, as many as the name is in use with
operations.acquire = {args = 5, run = function(s, a)
	local id, mode, ttl = ARGV[a], ARGV[a + 1], tonumber(ARGV[a + 2])
	local slots = tonumber(mode) or 0
	if slots > 0 then
		mode = 'x'
	end
	if s.marked > now then
		if tonumber(redis.call('ZSCORE', s.marks, id) or 0) > now then
			return {'marked'}
		end
	end
	if s.crowded or s.holder then
		sweep(s)
	end

	if s.holder == id then
		if s.unclaimed then
			s.till, s.since, s.unclaimed, s.changed = now + ttl, now, false, true
		end
		return {'granted', s.token, s.till - now}
	end
	local inUse = s.holder and 0
	if s.crowded then
		local till = tonumber(redis.call('ZSCORE', s.leases, id) or 0)
		if till > 0 then
			local w = info(s, id)
			if w.unclaimed then
				till, w.since, w.unclaimed = now + ttl, now, false
				redis.call('ZADD', s.leases, text(till), id)
				redis.call('HSET', s.infos, id, pack(w))
			end
			return {'granted', w.token, till - now}
		end
		local place = redis.call('ZRANK', s.line, id)
		if place then
			redis.call('HSET', s.infos, '~' .. id, text(now + tonumber(ARGV[3])))
			return {'line', place, first(s)}
		end
		if not inUse and redis.call('EXISTS', s.leases) == 1 then
			inUse = s.group
		end
		if not inUse then
			inUse = info(s, redis.call('ZRANGE', s.line, 0, 0)[1]).slots
		end
	end
	if inUse and inUse ~= slots then
		return {'slots', inUse}
	end

	local w = asker
	w.id, w.mode, w.slots, w.ttl, w.since, w.token = id, mode, slots, ttl, now, false
	w.client, w.details = ARGV[a + 4], ARGV[a + 3]
	local waiting = s.crowded and redis.call('EXISTS', s.line) == 1
	if not waiting and admits(s, w) then
		grant(s, w, ttl, false)
		return {'granted', w.token, ttl}
	end
	if w.client == '' then
		if s.holder then
			return {'held', s.details, s.since, s.till}
		end
		local lease = redis.call('ZRANGE', s.leases, 0, 0, 'WITHSCORES')
		if not lease[1] then
			return {'held', '', '0', '0'}
		end
		local h = info(s, lease[1])
		return {'held', h.details, text(h.since), lease[2]}
	end
	crowd(s, math.max(s.group, 0))
	s.place = s.place + 1
	redis.call('ZADD', s.line, s.place, id)
	redis.call('HSET', s.infos, id, pack(w), '~' .. id, text(now + tonumber(ARGV[3])))
	keep(s, ttl)
	return {'line', redis.call('ZRANK', s.line, id), first(s)}
end}

-- renew: holder, ttl. Returns 1, or lost and why. It never creates.
operations.renew = {args = 2, run = function(s, a)
	local id, ttl = ARGV[a], tonumber(ARGV[a + 1])
	if s.holder == id and s.till > now then
		if s.broken then
			return {'lost', 'broken'}
		end
		s.till = now + ttl
		keep(s, ttl)
		return 1
	end
	if s.crowded and tonumber(redis.call('ZSCORE', s.leases, id) or 0) > now then
		if info(s, id).broken then
			return {'lost', 'broken'}
		end
		redis.call('ZADD', s.leases, 'XX', text(now + ttl), id)
		keep(s, ttl)
		return 1
	end
	return {'lost', 'expired or freed'}
end}

-- release: holder, ttl. Returns 1 when others are in line, otherwise 0.
-- Whoever has not claimed a lease may have a request on the way that would ask again;
-- it finds the mark.
operations.release = {args = 2, run = function(s, a)
	local id, ttl = ARGV[a], tonumber(ARGV[a + 1])
	local claimed = false
	if s.holder == id then
		claimed = not s.unclaimed
		vacate(s)
	elseif s.crowded then
		local w = info(s, id)
		if redis.call('ZREM', s.leases, id) == 1 then
			claimed = not w.unclaimed
			redis.call('HDEL', s.infos, id)
		else
			leaveLine(s, id)
		end
	end
	if not claimed then
		redis.call('ZREMRANGEBYSCORE', s.marks, '-inf', text(now))
		redis.call('ZADD', s.marks, text(now + ttl), id)
		s.marked = math.max(s.marked, now + ttl)
		redis.call('PEXPIRE', s.marks, text(math.ceil((s.marked - now) / 1000)))
		keep(s, ttl)
	end
	local crowded = s.crowded
	sweep(s)
	return crowded and redis.call('EXISTS', s.line) or 0
end}

-- settle: no arguments. Drops what has run out and grants to who is next.
operations.settle = {args = 0, run = function(s)
	sweep(s)
	return 0
end}

-- break_: '1' to free at once. Returns how many leases.
operations.break_ = {args = 1, run = function(s, a)
	if s.holder and s.till <= now or s.crowded then
		sweep(s)
	end
	local n = 0
	local force = ARGV[a] == '1'
	if s.holder then
		n = 1
		if force then
			vacate(s)
		else
			s.broken, s.changed = true, true
		end
	end
	for _, id in ipairs(s.crowded and redis.call('ZRANGE', s.leases, 0, -1) or {}) do
		n = n + 1
		if force then
			redis.call('ZREM', s.leases, id)
			redis.call('HDEL', s.infos, id)
		else
			local w = info(s, id)
			w.broken = true
			redis.call('HSET', s.infos, id, pack(w))
		end
	end
	if force then
		sweep(s)
	end
	return n
end}

-- inspect: no arguments. Returns the slots, then for each holder and waiter a list:
-- 'h' or 'w', id, details, mode, token, since, until, broken.
operations.inspect = {args = 0, run = function(s)
	local seen = {'state', 0}
	if s.holder and s.till > now then
		table.insert(seen, {'h', s.holder, s.details, 'x', s.token, s.since, s.till, s.broken and 1 or 0})
	end
	if not s.crowded then
		return seen
	end
	local leases = redis.call('ZRANGE', s.leases, '(' .. text(now), '+inf', 'BYSCORE', 'WITHSCORES')
	for i = 1, #leases, 2 do
		local w = info(s, leases[i])
		seen[2] = w.slots
		table.insert(seen, {'h', w.id, w.details, w.mode, w.token, text(w.since), leases[i + 1], w.broken and 1 or 0})
	end
	for _, id in ipairs(redis.call('ZRANGE', s.line, 0, -1)) do
		local w = info(s, id)
		if w and tonumber(redis.call('HGET', s.infos, '~' .. id) or 0) > now then
			seen[2] = w.slots
			table.insert(seen, {'w', w.id, w.details, w.mode, '0', text(w.since), '0', 0})
		end
	end
	return seen
end}
