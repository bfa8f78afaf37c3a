-- Pauses or resumes a policy.
--
-- @key policy
-- @arg id text
-- @arg paused flag
-- @actor
-- @reply WRITTEN policy hash: also if it was so before
-- @reply MISSING
-- @include activity/record
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local was_paused, org, window_length = fields(policy, { was_paused = 'paused' })
if not window_length then return reply.MISSING end
local now = int(math.floor(now_us() / 1000))
write('HSET', policy, 'updated', now, 'paused', paused and '1' or '')
if (was_paused == '1') ~= paused then
  local kind = paused and 'policy.paused' or 'policy.resumed'
  record_activity(actor, kind, 'org', org, 'target', 'policy:' .. id,
    'before', paused and 'ACTIVE' or 'PAUSED', 'after', paused and 'PAUSED' or 'ACTIVE')
end
return reply.WRITTEN { policy = read('HGETALL', policy) }
