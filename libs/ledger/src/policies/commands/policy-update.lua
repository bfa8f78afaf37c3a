-- Changes fields of a policy, unless its term or expression has changed since the changes were checked with
-- them.
--
-- Keeps: term and expression of a policy fit each other. Of two updates, each keeps the fields that only it
-- names. A policy that was deleted meanwhile does not come back with a few fields.
--
-- @key policy
-- @arg id text
-- @arg read_every_days text: every_days as it was read
-- @arg read_window_cron text: window_cron as it was read
-- @actor
-- @arg changes text...: fields and values
-- @reply WRITTEN policy hash
-- @reply CHANGED: another update came first; read, check and try again
-- @reply MISSING
-- @include activity/record
-- @include activity/state-text
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local every_days, window_cron, org = fields(policy)
if not every_days then return reply.MISSING end
if every_days ~= read_every_days or window_cron ~= read_window_cron then return reply.CHANGED end
local names, after, differs = {}, {}, false
for i = 1, #changes, 2 do
  names[#names + 1], after[#after + 1] = changes[i], changes[i + 1]
end
local before = #names > 0 and read('HMGET', policy, unpack(names)) or {}
for i = 1, #names do differs = differs or (before[i] or '') ~= after[i] end
write('HSET', policy, 'updated', int(math.floor(now_us() / 1000)), unpack(changes))
if differs then
  record_activity(actor, 'policy.updated', 'org', org, 'target', 'policy:' .. id,
    'before', state_text(names, before), 'after', state_text(names, after))
end
return reply.WRITTEN { policy = read('HGETALL', policy) }
