-- Ends a sweep of an org that found what is known of it: it is held no longer, and what is known now is what later changes are compared with.
--
-- KEYS  1 the orgs that are held
-- ARGV  1 prefix  2 org id
-- Returns {'SWEPT', '1' if it was held}

local org = org_name(ARGV[2])
redis.call('HSET', PREFIX .. ':known', org, redis.call('ZCARD', PREFIX .. ':assistants:' .. encoded(org)))
return { 'SWEPT', redis.call('HDEL', KEYS[1], org) == 1 and '1' or '' }
