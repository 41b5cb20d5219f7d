-- What both scripts share: the long one, in the folder lua, which can do everything, and
-- the short one, in lua_short, for locks that nobody else wants.
--
-- All instants are microseconds of this server's clock, and one call sees one
-- instant. Lua's numbers are doubles: exact up to 2^53, which microseconds reach in
-- the year 2255.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local DAY = 86400000000

-- STATE is how a lock's state is packed: the last token; until when the keys are kept;
-- until when there may be anything in marks; the last place in line that was given out;
-- what leases are (0 shared, otherwise slots of so many), or -1 while there is nothing in
-- leases or line; of the exclusive holder: until when and since when it holds, flags, id
-- (empty without one), details as its client has packed them. Flags are 1 until it has
-- claimed what it was granted in line, and 2 when it may not be renewed any more.
local STATE = '>ddddi4ddBHc0Hc0'
