-- KEYS[2]: the holder's mark. ARGV: how the holder's value begins, TTL in
-- milliseconds. Frees the lock, or leaves a mark for an acquire that is still on its
-- way.
if is(value(), ARGV[1]) then
	redis.call('DEL', KEYS[1])
else
	redis.call('SET', KEYS[2], RELEASED, 'PX', ARGV[2])
end
return {'released'}
