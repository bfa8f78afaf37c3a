-- An operator accepts what reads say of an org that is held: for a time it has no limit.
--
-- KEYS  1 the orgs that are held
-- ARGV  1 prefix  2 org id  3 for how long (ms)
-- Returns {'ACCEPTED'}   also if it was accepted before and no sweep has ended that: the answer, or the sweep, may have been lost
--         {'NOT_HELD'}

local org = org_name(ARGV[2])
local now_ms = math.floor(now_us() / 1000)
if write('HDEL', KEYS[1], org) == 0 and not is_accepted(org, now_ms) then return { 'NOT_HELD' } end
write('HSET', PREFIX .. ':accepted', org, int(now_ms + tonumber(ARGV[3])))
write('DEL', adopted_key(org))
return { 'ACCEPTED' }
