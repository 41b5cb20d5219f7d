-- KEYS: what is guarded, its token. ARGV: the caller's token, for how many
-- milliseconds it is remembered or '' for ever, then a command without its key, or
-- nothing. Returns one of
--   done, what the command has returned
--   stale, the stored token
--   foreign, what is stored and is no token
--
-- Tokens are texts of 20 digits: Lua's numbers are doubles, to which tokens a few
-- apart are equal.
local stored = redis.call('GET', KEYS[2])
if stored and not (#stored == 20 and string.find(stored, '^%d+$')) then
	return {'foreign', stored}
end
if stored and ARGV[1] < stored then
	return {'stale', stored}
end
-- The token comes first: should the command fail, then nothing was written that no
-- token stands for.
if ARGV[2] == '' then
	redis.call('SET', KEYS[2], ARGV[1])
else
	redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
end
if #ARGV == 2 then
	return {'done'}
end
return {'done', redis.call(ARGV[3], KEYS[1], unpack(ARGV, 4))}
