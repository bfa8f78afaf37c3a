-- Ends a sweep of an org that found what is known of it: it is held no longer, and what is known now is what later changes are compared with.
--
-- KEYS  1 the orgs that are held
-- ARGV  1 prefix  2 org id
-- Returns {'SWEPT', '1' if it was held}

redis.call('HSET', PREFIX .. ':known', ARGV[2], redis.call('ZCARD', PREFIX .. ':assistants:' .. encoded(ARGV[2])))
return { 'SWEPT', redis.call('HDEL', KEYS[1], ARGV[2]) == 1 and '1' or '' }
