#!lua flags=allow-oom
-- Keeps what was drawn.
--
-- @key bulk
-- @arg token text: of the worker
-- @arg lease_ms number
-- @arg span text?: `FROM:TO` of assistants; absent for a bulk to prepare or verify
-- @reply RENEWED
-- @reply LOST: another worker has it, or none: nothing was written
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local until_text = int(math.floor(now_us() / 1000) + lease_ms)
if span == '' then
  if read('HGET', bulk, 'task_token') ~= token then return reply.LOST end
  write('HSET', bulk, 'task_until', until_text)
else
  local drawn = read('HGET', bulk .. ':draws', span)
  if not drawn or string.match(drawn, ' (%S+)$') ~= token then return reply.LOST end
  write('HSET', bulk .. ':draws', span, until_text .. ' ' .. token)
end
return reply.RENEWED
