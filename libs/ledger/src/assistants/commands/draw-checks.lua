-- Draws assistants whose check is due, and puts each off meanwhile: if the worker dies, another one draws it
-- then.
--
-- @key checks
-- @arg count number: how many at most
-- @arg take_ms number: how long a check may take
-- @reply DRAWN until_ms number, checks text...: until when they are put off, and each as ORG/ASSISTANT or
--   ORG/ASSISTANT/MARK
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local now_ms = math.floor(now_us() / 1000)
local until_ms = int(now_ms + take_ms)
local due = read('ZRANGEBYSCORE', checks, '-inf', int(now_ms), 'LIMIT', 0, count)
for _, check in ipairs(due) do write('ZADD', checks, until_ms, check) end
return reply.DRAWN { until_ms = until_ms, checks = due }
