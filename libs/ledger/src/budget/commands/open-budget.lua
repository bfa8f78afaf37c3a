#!lua flags=allow-oom
-- Opens a budget that upstream closed (429): upstream answered a later request, or an operator decides so.
-- The pace begins at a tenth and recovers within a minute, as after a refusal.
--
-- Keeps: only a request that left after the refusal opens a budget.
--
-- @key budget: the request budget
-- @arg age_ms number?: how long ago the answered request left; absent for an operator
-- @actor
-- @reply OPENED
-- @reply NOT_CLOSED
-- @reply TOO_OLD: that request left before the budget was closed
-- @include activity/record
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local SLOWEST = 0.1

local now = now_us()
local closed_until, closed_at = fields(budget)
if (tonumber(closed_until) or 0) <= now / 1000 then return reply.NOT_CLOSED end
if age_ms and now - age_ms * 1000 <= (tonumber(closed_at) or 0) then return reply.TOO_OLD end
write('HDEL', budget, 'closed_until', 'closed_at', 'closed_since', 'probe_at')
write('HSET', budget, 'pace', SLOWEST, 'pace_at', int(now))
-- Upstream opens and closes it without anybody's request.
if not age_ms then
  record_activity(actor, 'budget.opened', 'target', 'budget:' .. string.match(budget, ':budget:(.*)$'),
    'before', 'CLOSED')
end
return reply.OPENED
