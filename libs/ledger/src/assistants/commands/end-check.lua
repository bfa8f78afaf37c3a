#!lua flags=allow-oom
-- Ends a check that was drawn, or puts it off. One that was asked for anew meanwhile stays.
--
-- KEYS  1 the checks that it was drawn from   2 those that it is put off to
-- ARGV  1 prefix  2 the check  3 put off until (ms), as it was drawn  4 ms until it is to be made again, '' where it is done
-- Returns {'ENDED'}, or {'ASKED'} where it was asked for anew

if read('ZSCORE', KEYS[1], ARGV[2]) ~= ARGV[3] then return { 'ASKED' } end
if ARGV[4] == '' or KEYS[1] ~= KEYS[2] then write('ZREM', KEYS[1], ARGV[2]) end
if ARGV[4] ~= '' then write('ZADD', KEYS[2], int(math.floor(now_us() / 1000) + tonumber(ARGV[4])), ARGV[2]) end
return { 'ENDED' }
