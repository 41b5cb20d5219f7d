-- What one node of a quorum knows of its locks. As in the other script, one call does
-- a list of operations, each on the keys of one lock, and all instants are
-- microseconds of this server's clock.
--
-- The keys of a lock:
--   lock    hash  h, u  the holder, and until when
--                 s     since when
--                 a     the attempt by which it got this node
--                 k     its token, once it has a majority; absent before
--                 b     set when it may not be renewed any more
--                 d     its details, as its client has packed them
--                 t     the last token
--                 m     until when there may be anything in marks
--                 w     until when there may be anything in waits
--                 e     until when the keys are kept
--   marks   zset  holders, or holder#attempt, that were released before they arrived,
--                 until when
--   waits   zset  those who wait, until when that is believed
--   infos   hash  of those who wait: since when, and their details
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local DAY = 86400000000
local WAITS = 700000 -- how long a waiter that does not ask again is believed to wait: almost three polls

local function text(n)
	return string.format('%.0f', n)
end

-- boot returns this server's run id, and whether it may have forgotten locks that are
-- still held: Redis without persistence forgets all of them when it restarts. Both come
-- from INFO in the same call that grants, because a client that asked before would not
-- notice a restart in between. It costs 9 microseconds, once for each call.
local known
local function boot()
	if not known then
		local info = redis.call('INFO', 'server')
		local uptime = tonumber(string.match(info, 'uptime_in_seconds:(%d+)') or 0)
		local grace = tonumber(ARGV[1])
		known = {run = string.match(info, 'run_id:(%w+)') or ''}
		-- The uptime is rounded, by up to a second either way.
		known.wait = grace > 0 and math.max(0, grace - (uptime - 1) * 1000000) or 0
	end
	return known
end

-- load returns the state of a lock. A holder that has run out is none.
local function load(first)
	local s = {lock = KEYS[first], marks = KEYS[first + 1], waits = KEYS[first + 2], infos = KEYS[first + 3]}
	local f = redis.call('HMGET', s.lock, 'h', 'u', 'a', 'k', 't', 'b', 'm', 'w', 'e')
	s.holder, s.till, s.attempt, s.token = f[1], tonumber(f[2] or 0), f[3], tonumber(f[4] or 0)
	s.last, s.broken, s.marked = tonumber(f[5] or 0), f[6], tonumber(f[7] or 0)
	s.waited, s.kept = tonumber(f[8] or 0), tonumber(f[9] or 0)
	if s.till <= now then
		s.holder = false
	end
	return s
end

-- keep makes the lock's key outlive the lease, and the token by a day: were it
-- forgotten, only the clock would make tokens rise.
local function keep(s, ttl)
	if s.kept > now + DAY / 2 + ttl then
		return
	end
	s.kept = now + DAY + ttl
	redis.call('HSET', s.lock, 'e', text(s.kept))
	redis.call('PEXPIRE', s.lock, text(math.ceil((s.kept - now) / 1000)))
end

local function vacate(s)
	redis.call('HDEL', s.lock, 'h', 'u', 's', 'a', 'k', 'b', 'd')
	s.holder = false
end

-- mark keeps who out for ttl: what it has sent may still be on the way.
local function mark(s, who, ttl)
	redis.call('ZREMRANGEBYSCORE', s.marks, '-inf', text(now))
	redis.call('ZADD', s.marks, text(now + ttl), who)
	s.marked = math.max(s.marked, now + ttl)
	redis.call('PEXPIRE', s.marks, text(math.ceil((s.marked - now) / 1000)))
	redis.call('HSET', s.lock, 'm', text(s.marked))
	keep(s, ttl)
end

local function isMarked(s, who)
	return s.marked > now and tonumber(redis.call('ZSCORE', s.marks, who) or 0) > now
end

-- wait notes that id waits. It is for people who look, and gives no place in line.
local function wait(s, id, details)
	for _, gone in ipairs(redis.call('ZRANGE', s.waits, '-inf', text(now), 'BYSCORE')) do
		redis.call('ZREM', s.waits, gone)
		redis.call('HDEL', s.infos, gone)
	end
	redis.call('ZADD', s.waits, text(now + WAITS), id)
	redis.call('HSETNX', s.infos, id, text(now) .. ':' .. details)
	redis.call('PEXPIRE', s.waits, WAITS / 1000)
	redis.call('PEXPIRE', s.infos, WAITS / 1000)
	redis.call('HSET', s.lock, 'w', text(now + WAITS))
	keep(s, 0)
end

local function endWait(s, id)
	if s.waited > now then
		redis.call('ZREM', s.waits, id)
		redis.call('HDEL', s.infos, id)
	end
end
