-- Claims an assistant for one rotation and notes the intent to POST; or resumes an intent whose outcome is unknown.
-- (The request budget takes its slot here: one command, so that no claim is held while waiting for a slot.)
--
-- KEYS  1 the rotation   2 its assistant
-- ARGV  1 prefix  2 rotation id  3 org id  4 assistant id  5 lease ms  6 landing window ms
-- Returns {'CLAIMED', epoch, now ms, fingerprint or '', attempts, started ms, known ms}
--                                                         the intent is open: POST. `known` is for how long before the intent the
--                                                         fingerprint had last been known to be in force ('' where there is none)
--         {'RESUMED', …the same…, ms until the landing window has passed (may be negative), satisfied}
--                                                         a POST of this rotation may have left: read, do not POST. `satisfied` is 1
--                                                         where its key has been found and published, and only the window is waited for
--         {'BUSY', ms to wait}                            the assistant is held, or its outcome is unknown
--         {'ENDED', state}                                nothing to do
--         {'MISSING'}                                     no such rotation for this org and assistant
-- Keeps: an assistant has one holder and at most one open intent. The fingerprint is of the key before the intent.

local id, org, lease_ms, landing_ms = ARGV[2], ARGV[3], tonumber(ARGV[5]), tonumber(ARGV[6])

local rotation = redis.call('HMGET', KEYS[1], 'state', 'org', 'assistant', 'started', 'attempts')
local state = rotation[1]
if not state or rotation[2] ~= org or rotation[3] ~= ARGV[4] then return { 'MISSING' } end
if state == 'SUCCEEDED' or state == 'FAILED' or state == 'CANCELLED' then return { 'ENDED', state } end

local held = redis.call('HMGET', KEYS[2], 'holder', 'lease', 'lands', 'fingerprint', 'epoch', 'version', 'queued:' .. org,
  'verified', 'intent', 'satisfied')
local holder, lease, lands, fingerprint = held[1], tonumber(held[2]) or 0, tonumber(held[3]) or 0, held[4] or ''
local now = now_us()
local now_ms = math.floor(now / 1000)

if holder and holder ~= id then
  -- Whoever holds it is driven by its own job: a short wait while its POST is under way, and until its next read where its
  -- outcome is unknown, which may take as long as the upstream is away.
  if lease > now_ms then return { 'BUSY', int(math.max(math.min(lease - now_ms, 1000), 100)) } end
  local next_read = tonumber(redis.call('HGET', rotation_key(holder), 'next')) or 0
  return { 'BUSY', int(math.max(math.min(next_read - now_ms, 30000), 1000)) }
end
if holder == id and lease > now_ms then return { 'BUSY', int(lease - now_ms) } end

local epoch = int(draw(now, held[5], held[6]))
local function known_ms(intent_ms)
  return held[8] and int(intent_ms - tonumber(held[8])) or ''
end
if holder == id then
  redis.call('HSET', KEYS[2], 'epoch', epoch, 'lease', int(now_ms + lease_ms))
  if state ~= 'RECONCILING' then
    -- The worker before this one died between its intent and its outcome.
    move(id, 'RECONCILING', int(now_ms), 'since', int(now_ms), 'next', int(now_ms), 'error', 'OUTCOME_UNKNOWN')
  end
  return { 'RESUMED', epoch, int(now_ms), fingerprint, rotation[5], rotation[4], known_ms(tonumber(held[9])), int(lands - now_ms),
    held[10] and '1' or '' }
end

redis.call('HSET', KEYS[2], 'holder', id, 'epoch', epoch, 'intent_epoch', epoch, 'lease', int(now_ms + lease_ms),
  'intent', int(now_ms), 'lands', int(now_ms + landing_ms))
if held[7] == id then redis.call('HDEL', KEYS[2], 'queued:' .. org) end
local attempts = int(tonumber(rotation[5]) + 1)
local started = rotation[4] or int(now_ms)
move(id, 'ROTATING', int(now_ms), 'attempts', attempts, 'started', started)
return { 'CLAIMED', epoch, int(now_ms), fingerprint, attempts, started, known_ms(now_ms) }
