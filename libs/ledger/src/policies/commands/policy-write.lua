-- Writes fields of a policy, where it is there.
--
-- KEYS  1 the policy
-- ARGV  1 prefix  2… fields and values
-- Returns {'WRITTEN', flat hash}
--         {'MISSING'}
-- Keeps: a policy that was deleted meanwhile does not come back as a rest of one.

if read('EXISTS', KEYS[1]) == 0 then return { 'MISSING' } end
write('HSET', KEYS[1], 'updated', int(math.floor(now_us() / 1000)), unpack(ARGV, 2))
return { 'WRITTEN', read('HGETALL', KEYS[1]) }
