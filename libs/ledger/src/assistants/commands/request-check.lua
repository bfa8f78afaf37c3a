#!lua flags=allow-oom
-- Has an assistant read and compared with what is published.
--
-- KEYS  1 the checks, or those that may take their time
-- ARGV  1 prefix  2 org id  3 assistant id  4 in how many ms, at the latest
-- Returns {'REQUESTED'}

write('ZADD', KEYS[1], 'LT', int(math.floor(now_us() / 1000) + tonumber(ARGV[4])), org_name(ARGV[2]) .. '/' .. ARGV[3])
return { 'REQUESTED' }
