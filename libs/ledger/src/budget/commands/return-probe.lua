#!lua flags=allow-oom
-- A request that took a slot has not left. While the budget is closed, it was the one that probes: then the
-- next one may leave in its place.
--
-- @key budget: the request budget
-- @reply DONE
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local now = now_us()
local closed_until, probe_at = fields(budget)
if probe_at and (tonumber(closed_until) or 0) > now / 1000 then
  write('HSET', budget, 'probe_at', int(now))
end
return reply.DONE
