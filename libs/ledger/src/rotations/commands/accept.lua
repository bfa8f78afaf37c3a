-- Records a rotation, once.
--
-- KEYS  1 the new rotation   2 its assistant   3 the request id (only where the caller gave one)
-- ARGV  1 prefix  2 rotation id  3 org id  4 assistant id  5 reason  6 request id or ''
--       7 digest of the arguments  8 seconds that a request id is kept  9 digest of the same arguments with `c` for the org
-- Returns {'CREATED', created ms, org id}   `c` is translated once it is known
--         {'KNOWN', rotation id, flat hash}   the same request again, or one still QUEUED for the same org and assistant
--         {'REUSED'}                          the request id was used with other arguments
--         {'SPENT'}                           the request id was used, and its rotation is no longer kept
-- Keeps: one request id, one rotation, never a second one; none is made while one is QUEUED for the same org
-- and assistant.

-- ask: HSET SET ZADD
local id, org, request = ARGV[2], org_name(ARGV[3]), ARGV[6]

local function known(other)
  return { 'KNOWN', other, read('HGETALL', rotation_key(other)) }
end

if request ~= '' then
  local seen = redis.call('GET', KEYS[3])
  if seen then
    local other, digest = string.match(seen, '^(%S+) (%S+)$')
    -- Asked for under `c` before it was known what that is: the same org, and so the same arguments.
    if digest ~= ARGV[7] and not (digest == ARGV[9] and org_name('c') == org) then return { 'REUSED' } end
    if read('EXISTS', rotation_key(other)) == 0 then return { 'SPENT' } end
    return known(other)
  end
end

local function remember(which)
  if request ~= '' then write('SET', KEYS[3], which .. ' ' .. ARGV[7], 'EX', ARGV[8]) end
end

local queues = redis.call('HMGET', KEYS[2], 'queued:' .. org, 'queued:c')
local queued = queues[1] or (queues[2] and org_name('c') == org and queues[2])
if queued and read('HGET', rotation_key(queued), 'state') == 'QUEUED' then
  -- ask: all
  remember(queued)
  -- Whoever asks now wants a key that is made after now.
  write('HSET', rotation_key(queued), 'asked', int(math.floor(now_us() / 1000)))
  return known(queued)
end

local now = int(math.floor(now_us() / 1000))
-- First, for it alone may be of another type: a rotation that is not in it would be lost with its job.
write('ZADD', PREFIX .. ':rotations:open', 0, id)
write('HSET', KEYS[1], 'org', org, 'assistant', ARGV[4],
  'assistant_key', KEYS[2], 'state', 'QUEUED', 'reason', ARGV[5], 'request', request,
  'created', now, 'updated', now, 'attempts', 0)
write('HSET', KEYS[2], 'queued:' .. org, id)
remember(id)
return { 'CREATED', now, org }
