-- Records a rotation, once.
--
-- KEYS  1 the new rotation   2 its assistant   3 the request id (only where the caller gave one)
-- ARGV  1 prefix  2 rotation id  3 org id  4 assistant id  5 reason  6 request id or ''
--       7 digest of the arguments  8 seconds that a request id is kept
-- Returns {'CREATED', created ms}
--         {'KNOWN', rotation id, flat hash}   the same request again, or one still QUEUED for the same org and assistant
--         {'REUSED'}                          the request id was used with other arguments
--         {'SPENT'}                           the request id was used, and its rotation is no longer kept
-- Keeps: one request id, one rotation, never a second one; none is made while one is QUEUED for the same org and assistant.

local id, org, request = ARGV[2], ARGV[3], ARGV[6]

local function known(other)
  return { 'KNOWN', other, redis.call('HGETALL', rotation_key(other)) }
end

if request ~= '' then
  local seen = redis.call('GET', KEYS[3])
  if seen then
    local other, digest = string.match(seen, '^(%S+) (%S+)$')
    if digest ~= ARGV[7] then return { 'REUSED' } end
    if redis.call('EXISTS', rotation_key(other)) == 0 then return { 'SPENT' } end
    return known(other)
  end
end

local function remember(which)
  if request ~= '' then redis.call('SET', KEYS[3], which .. ' ' .. ARGV[7], 'EX', ARGV[8]) end
end

local queued = redis.call('HGET', KEYS[2], 'queued:' .. org)
if queued and redis.call('HGET', rotation_key(queued), 'state') == 'QUEUED' then
  remember(queued)
  -- Whoever asks now wants a key that is made after now.
  redis.call('HSET', rotation_key(queued), 'asked', int(math.floor(now_us() / 1000)))
  return known(queued)
end

local now = int(math.floor(now_us() / 1000))
redis.call('HSET', KEYS[1], 'org', org, 'assistant', ARGV[4],
  'assistant_key', KEYS[2], 'state', 'QUEUED', 'reason', ARGV[5], 'request', request,
  'created', now, 'updated', now, 'attempts', 0)
redis.call('ZADD', PREFIX .. ':rotations:open', 0, id)
redis.call('HSET', KEYS[2], 'queued:' .. org, id)
remember(id)
return { 'CREATED', now }
