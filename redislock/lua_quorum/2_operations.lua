local operations = {}

-- acquire: holder, attempt, ttl, details, '1' to be seen waiting. Returns one of
--   granted, the holder's token or 0, last token, now, run id
--   held, holder, details, since, time left
--   young, time until this node counts again, run id
--   marked
-- Who holds this node already holds it for a full TTL from now.
operations.acquire = {args = 5, run = function(s, a)
	local id, attempt, ttl = ARGV[a], ARGV[a + 1], tonumber(ARGV[a + 2])
	if isMarked(s, id) or isMarked(s, id .. '#' .. attempt) or s.holder == id and s.broken then
		return {'marked'}
	end
	if s.holder and s.holder ~= id then
		if ARGV[a + 4] == '1' then
			wait(s, id, ARGV[a + 3])
		end
		local f = redis.call('HMGET', s.lock, 'd', 's')
		return {'held', s.holder, f[1] or '', f[2] or '0', text(s.till - now)}
	end
	if boot().wait > 0 then
		return {'young', text(boot().wait), boot().run}
	end
	if not s.holder then
		redis.call('HDEL', s.lock, 'k', 'b') -- of one that has run out
		redis.call('HSET', s.lock, 'h', id, 'u', text(now + ttl), 's', text(now), 'a', attempt, 'd', ARGV[a + 3])
		s.token = 0
	else
		redis.call('HSET', s.lock, 'u', text(now + ttl))
		if s.token == 0 then
			-- Left from an attempt that has failed: this one answers for it now. A lease
			-- that has its token is not undone with an attempt that asks for it again.
			redis.call('HSET', s.lock, 'a', attempt)
		end
	end
	keep(s, ttl)
	return {'granted', text(s.token), text(s.last), text(now), boot().run}
end}

-- confirm: holder, token. Gives the lease its token, or returns refused and the last
-- one. The token of whoever holds this node is accepted, if it is above all that were
-- accepted here before. See quorum_token.go for why.
operations.confirm = {args = 2, run = function(s, a)
	local token = tonumber(ARGV[a + 1])
	if s.holder ~= ARGV[a] or token <= s.last and token ~= s.token then
		return {'refused', text(s.last)}
	end
	redis.call('HSET', s.lock, 'k', text(token), 't', text(math.max(token, s.last)))
	endWait(s, ARGV[a])
	return {'written'}
end}

-- renew: holder, ttl. Returns renewed; young, where it was renewed on a node that does
-- not count; broken; or gone. It never creates.
operations.renew = {args = 2, run = function(s, a)
	local ttl = tonumber(ARGV[a + 1])
	if s.holder ~= ARGV[a] then
		return {'gone'}
	end
	if s.broken then
		return {'broken'}
	end
	redis.call('HSET', s.lock, 'u', text(now + ttl))
	keep(s, ttl)
	return {boot().wait > 0 and 'young' or 'renewed'}
end}

-- release: holder, attempt or '' for all of them, ttl of a mark. Returns released. Who
-- does not hold is marked: its acquire may still be on the way.
operations.release = {args = 3, run = function(s, a)
	local id, attempt = ARGV[a], ARGV[a + 1]
	if s.holder == id and (attempt == '' or attempt == s.attempt) then
		vacate(s)
	else
		mark(s, attempt == '' and id or id .. '#' .. attempt, tonumber(ARGV[a + 2]))
	end
	if attempt == '' then
		endWait(s, id)
	end
	return {'released'}
end}

-- break_: holder, ttl of a mark. Forbids the holder to renew, and to take this node
-- where it does not hold it now. Returns broken.
operations.break_ = {args = 2, run = function(s, a)
	if s.holder == ARGV[a] then
		redis.call('HSET', s.lock, 'b', '1')
	else
		mark(s, ARGV[a], tonumber(ARGV[a + 1]))
	end
	return {'broken'}
end}

-- inspect: no arguments. Returns state, the holder or '', details, token, since, until,
-- 1 if it is broken, and then for each waiter: id, since and details.
operations.inspect = {args = 0, run = function(s)
	local seen = {'state', '', '', '0', '0', '0', 0}
	if s.holder then
		local f = redis.call('HMGET', s.lock, 'd', 's')
		seen = {'state', s.holder, f[1] or '', text(s.token), f[2] or '0', text(s.till), s.broken and 1 or 0}
	end
	if s.waited > now then
		for _, id in ipairs(redis.call('ZRANGE', s.waits, '(' .. text(now), '+inf', 'BYSCORE')) do
			table.insert(seen, id)
			table.insert(seen, redis.call('HGET', s.infos, id) or '')
		end
	end
	return seen
end}
