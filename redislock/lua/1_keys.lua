-- The long script does everything, so that a client can send what its goroutines want
-- at the same moment in one call: a list of operations, each on the five keys of one
-- lock. The files in this folder are joined in the order of their names.
--
-- The keys of a lock, all in one slot:
--   lock    hash  v1: the state, in one piece (see STATE), since to read and write the
--                 fields of a hash one by one costs the server more than all the rest
--   leases  zset  shared and slot leases: holder, until when
--   line    zset  those who wait: holder, in which order
--   infos   hash  holder, what is known of it (see pack); '~' and holder, until when
--                 its place in line is alive
--   marks   zset  holders that were released before they arrived, until when

-- text returns n in full digits. Most operations of a call need the same few instants.
local texts = {}
local function text(n)
	local t = texts[n]
	if not t then
		t = string.format('%.0f', n)
		texts[n] = t
	end
	return t
end

-- state is what is known of a lock. One table serves all operations of a call, one after
-- the other: to make and to collect one for each would cost as much as the work.
local state = {}

-- load fills state.
local function load(first)
	local s = state
	s.lock, s.leases, s.line, s.infos, s.marks = KEYS[first], KEYS[first + 1], KEYS[first + 2], KEYS[first + 3], KEYS[first + 4]
	s.changed, s.expires = false, false
	local packed = redis.call('HGET', s.lock, 'v1')
	if not packed then
		s.token, s.kept, s.marked, s.place, s.group = 0, 0, 0, 0, -1
		s.till, s.since, s.details, s.holder, s.unclaimed, s.broken = 0, 0, '', false, false, false
		s.crowded = false
		return s
	end
	local flags
	s.token, s.kept, s.marked, s.place, s.group, s.till, s.since, flags, s.holder, s.details = struct.unpack(STATE, packed)
	s.crowded = s.group >= 0
	s.unclaimed, s.broken = flags % 2 == 1, flags >= 2
	if s.holder == '' then
		s.holder = false
	end
	return s
end

-- save writes what an operation has changed.
local function save(s)
	local holder, flags = s.holder or '', (s.unclaimed and 1 or 0) + (s.broken and 2 or 0)
	redis.call('HSET', s.lock, 'v1', struct.pack(STATE, s.token, s.kept, s.marked, s.place, s.group, s.till, s.since, flags,
		#holder, holder, #s.details, s.details))
	if s.expires then
		redis.call('PEXPIRE', s.lock, s.expires)
	end
end

-- keep makes the keys outlive the longest lease, and the token by a day: were it
-- forgotten, only the clock would make tokens rise. The keys of what is contended come
-- and go as they get and lose members, so they are told each time.
local function keep(s, ttl)
	s.changed = true
	if s.kept <= now + DAY / 2 + ttl then
		s.kept = now + DAY + ttl
		s.expires = text(math.ceil((s.kept - now) / 1000))
	end
	if s.crowded then
		local left = text(math.ceil((s.kept - now) / 1000))
		redis.call('PEXPIRE', s.leases, left)
		redis.call('PEXPIRE', s.line, left)
		redis.call('PEXPIRE', s.infos, left)
	end
end

-- What is known of a holder or waiter of shared and slot leases, or in line.
local function pack(w)
	return cmsgpack.pack({w.mode, w.slots, w.ttl, w.client, w.details, w.since, w.token or 0, w.unclaimed and 1 or 0, w.broken and 1 or 0})
end

local function unpacked(id, packed)
	local f = cmsgpack.unpack(packed)
	return {id = id, mode = f[1], slots = f[2], ttl = f[3], client = f[4], details = f[5], since = f[6], token = f[7],
		unclaimed = f[8] == 1, broken = f[9] == 1}
end

local function info(s, id)
	local packed = redis.call('HGET', s.infos, id)
	return packed and unpacked(id, packed)
end

-- crowd notes that there is something in leases or line.
local function crowd(s, group)
	s.group, s.crowded, s.changed = group, true, true
end

local function nextToken(s)
	s.token = math.max(s.token + 1, now)
	return text(s.token)
end
