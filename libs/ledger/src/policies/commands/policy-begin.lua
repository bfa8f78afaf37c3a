-- Begins a window of a policy: computes until when the bulk rotation of the window may run.
--
-- Keeps: a window has one end, so that a repeated request asks for the same bulk rotation. A window that was
-- missed has its whole length from now on.
--
-- @key policy
-- @arg id text
-- @arg due_ms number: when the window was due
-- @arg busy flag: the bulk rotation of an earlier window is still in progress: the window is skipped
-- @reply BEGUN until_ms number: also if it was begun before: the same moment
-- @reply PASSED: a later window has been begun
-- @reply PAUSED
-- @reply SKIPPED: `busy`
-- @reply MISSING
-- @include activity/record
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local paused, due, until_text, window_length, org, skipped = fields(policy, { until_text = 'until' })
if not window_length then return reply.MISSING end
if paused == '1' then return reply.PAUSED end
local begun = tonumber(due) or 0
if begun > due_ms then return reply.PASSED end
if begun == due_ms then return reply.BEGUN { until_ms = until_text } end

if busy then
  if skipped ~= int(due_ms) then
    write('HSET', policy, 'skipped', int(due_ms))
    record_activity('system:policies', 'policy.skipped', 'org', org, 'target', 'policy:' .. id,
      'reason', 'BULK_IN_PROGRESS', 'after', string.format('{"due":%s}', int(due_ms)))
  end
  return reply.SKIPPED
end
local now = math.floor(now_us() / 1000)
local until_ms = int(now + tonumber(window_length))
write('HSET', policy, 'due', int(due_ms), 'until', until_ms, 'updated', int(now))
record_activity('system:policies', 'policy.begun', 'org', org, 'target', 'policy:' .. id,
  'after', string.format('{"due":%s,"until":%s}', int(due_ms), until_ms))
return reply.BEGUN { until_ms = until_ms }
