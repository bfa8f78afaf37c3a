-- Changes fields of a policy, unless its term or expression has changed since the changes were checked with
-- them.
--
-- Keeps: term and expression of a policy fit each other. Of two updates, each keeps the fields that only it
-- names. A policy that was deleted meanwhile does not come back with a few fields.
--
-- @key policy
-- @arg read_every_days text: every_days as it was read
-- @arg read_window_cron text: window_cron as it was read
-- @arg changes text...: fields and values
-- @reply WRITTEN policy hash
-- @reply CHANGED: another update came first; read, check and try again
-- @reply MISSING
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local every_days, window_cron = fields(policy)
if not every_days then return reply.MISSING end
if every_days ~= read_every_days or window_cron ~= read_window_cron then return reply.CHANGED end
write('HSET', policy, 'updated', int(math.floor(now_us() / 1000)), unpack(changes))
return reply.WRITTEN { policy = read('HGETALL', policy) }
