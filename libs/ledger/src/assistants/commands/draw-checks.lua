-- Draws assistants whose check is due, and puts each off meanwhile: should the worker die, another draws it
-- then.
--
-- KEYS  1 the checks
-- ARGV  1 prefix  2 how many at most  3 ms that a check may take
-- Returns {'DRAWN', put off until (ms), the check, …}: ORG/ASSISTANT, or ORG/ASSISTANT/MARK

local now_ms = math.floor(now_us() / 1000)
local until_ms = int(now_ms + tonumber(ARGV[3]))
local due = read('ZRANGEBYSCORE', KEYS[1], '-inf', int(now_ms), 'LIMIT', 0, tonumber(ARGV[2]))
for _, one in ipairs(due) do write('ZADD', KEYS[1], until_ms, one) end
return { 'DRAWN', until_ms, unpack(due) }
