-- Writes fields of a policy, if it exists.
--
-- Keeps: a policy that was deleted meanwhile does not come back with a few fields.
--
-- @key policy
-- @arg changes text...: fields and values
-- @reply WRITTEN policy hash
-- @reply MISSING
-- @include scripts/call
-- @include scripts/number
-- @include time/now

if read('EXISTS', policy) == 0 then return reply.MISSING end
write('HSET', policy, 'updated', int(math.floor(now_us() / 1000)), unpack(changes))
return reply.WRITTEN { policy = read('HGETALL', policy) }
