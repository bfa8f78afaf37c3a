#!lua flags=allow-oom
-- A process looks at the clock of Redis: the ledger keeps how far that clock had come while it was in step,
-- and whether it has jumped.
--
-- KEYS  1 the ledger's own facts
-- ARGV  1 prefix  2 `look`; `steady`, the caller's expectation has been right so far; `jumped`, it is not; `adopt`, the caller takes this clock as it is
--       3 the moment that the caller expects, '' where it expects none (ms)  4 ms by which Redis may differ from it  5 ms by which it may be ahead of
--       what the ledger keeps  6 the name of the caller
-- Returns {'TIME', now ms, how far it had come (ms) or '', the jump as JSON or '', '1' where this command has noted the jump}
-- Keeps: `clock` is a moment at which the clock of Redis was as expected. A jump is noted where Redis differs
-- both from what the caller expects and from `clock`: a caller that is out of step with all others notes
-- nothing.

local what, expected, tolerance, ahead = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local now_ms = math.floor(redis_us() / 1000)
local facts = read('HMGET', KEYS[1], 'clock', 'clock_jump')
local past, jump = tonumber(facts[1]), facts[2]
local noted = ''

if what == 'adopt' or (what == 'steady' and math.abs(now_ms - expected) <= tolerance) then
  write('HSET', KEYS[1], 'clock', int(now_ms))
  if jump then write('HDEL', KEYS[1], 'clock_jump') end
elseif what == 'jumped' and not jump and past and math.abs(now_ms - expected) > tolerance and (now_ms > past + ahead or now_ms < past - tolerance) then
  jump = string.format('{"since":%s,"offset_ms":%s,"noticed_by":%s}', int(expected), int(now_ms - expected), cjson.encode(ARGV[6]))
  write('HSET', KEYS[1], 'clock_jump', jump)
  noted = '1'
end
return { 'TIME', int(now_ms), past and int(past) or '', jump or '', noted }
