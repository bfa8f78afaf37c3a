-- An operator accepts what reads say of an org that is held: for a time it has no limit.
--
-- KEYS  1 the orgs that are held
-- ARGV  1 prefix  2 org id  3 for how long (ms)
-- Returns {'ACCEPTED'}, or {'NOT_HELD'}

local org = org_name(ARGV[2])
if redis.call('HDEL', KEYS[1], org) == 0 then return { 'NOT_HELD' } end
redis.call('HSET', PREFIX .. ':accepted', org, int(math.floor(now_us() / 1000) + tonumber(ARGV[3])))
redis.call('DEL', adopted_key(org))
return { 'ACCEPTED' }
