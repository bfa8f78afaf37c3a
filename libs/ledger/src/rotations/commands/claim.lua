#!lua flags=allow-oom
-- Claims an assistant for one rotation and notes the intent to POST; or resumes an intent whose outcome is
-- unknown.
-- The request budget takes its slot here: one command, so that no claim is held while waiting for a slot,
-- unless the worker stands still after it.
--
-- KEYS  1 the rotation   2 its assistant   3 the ledger's own facts   4 the open intents of the org   5 the request budget
-- ARGV  1 prefix  2 rotation id  3 org id  4 assistant id  5 lease ms  6 landing window ms
--       7 how many intents of the org may be open  8 the code why no POST may leave now, or ''
--       9 µs between two requests, 0 for no limit  10 '1' where the slot has been taken and waited for  11 the id of the ledger that the worker knows, or ''
-- Returns {'CLAIMED', epoch, now ms, key state or '', version or '', attempts, started ms, fresh, unknowns in a row, doubted, bulk or ''}
--                                                         the intent is open: POST. `fresh` is 1 if the key state is known to have been
--                                                         in force after the rotation was asked for: any other key is made since;
--                                                         `doubted` is 1 where an earlier outcome of this rotation was unknown
--         {'RESUMED', …the same…, ms until the landing window has passed, satisfied, noted, uncertain, blocked, too long}
--                                                         a POST of this rotation may have left: read, do not POST. `satisfied` is 1
--                                                         where its key has been found and published, and only the window is waited for;
--                                                         `noted` is 1 where the outcome has been noted as unknown,
--                                                         and `uncertain` where consumers have been told and no version has come since;
--                                                         `blocked` is the code why another POST would fare no better, or '';
--                                                         `too long` is 1 if the record was too long to be read when it was read last
--         {'BUSY', ms to wait}                            the assistant is held, or its outcome is unknown
--         {'FULL', ms to wait}                            as many intents of the org are open as may be
--         {'HALTED', ms to wait}                          so are they, and outcomes are unknown; or too many were, one after the other
--         {'FROZEN', ms to wait}                          no POST may leave; or the clock of Redis is out of step: then nothing is resumed either
--         {'PACED', ms to wait, reserved}                 no request may leave yet. `reserved` is 1 where the slot is kept: claim again then
--         {'ENDED', state}                                nothing to do
--         {'MISSING'}                                     no such rotation for this org and assistant
-- A rotation whose assistant has a record that is too long to be read ends here, without a POST.
-- Keeps: an assistant has one holder and at most one open intent; an org has a bounded number of open
-- intents. The key state is of before the intent. After as many unknown outcomes in a row as intents may be
-- open, one POST a landing window leaves, to see.

-- late: finish
-- ask: HDEL HGET HSET ZADD
local id, org, lease_ms, landing_ms, bound = ARGV[2], org_name(ARGV[3]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local rotation = redis.call('HMGET', KEYS[1], 'state', 'org', 'assistant', 'started', 'attempts', 'error', 'since', 'bulk', 'created', 'asked', 'blocked')
local state = rotation[1]
if not state or org_name(rotation[2]) ~= org or rotation[3] ~= ARGV[4] then return { 'MISSING' } end
if state == 'SUCCEEDED' or state == 'FAILED' or state == 'CANCELLED' then return { 'ENDED', state } end

local held = redis.call('HMGET', KEYS[2], 'holder', 'lease', 'lands', 'fingerprint', 'epoch', 'version', 'queued:' .. rotation[2],
  'verified', 'intent', 'satisfied', 'uncertain', 'rotated')
local holder = held[1]
local now, is_out_of_step = now_us()
local now_ms = math.floor(now / 1000)
if is_out_of_step then
  if ARGV[8] ~= '' and state == 'QUEUED' and rotation[6] ~= ARGV[8] then write('HSET', KEYS[1], 'error', ARGV[8]) end
  return { 'FROZEN', '1000' }
end
local lease_left = left(tonumber(held[2]) or 0, now_ms, lease_ms)

if holder and holder ~= id and lease_left == 0 then
  -- ask: all
  if is_orphaned(holder, tonumber(held[3]) or 0, now_ms) then
    -- What decides whether a POST may leave is read before anything is written.
    for _, key in ipairs({ KEYS[3], KEYS[5], rotation[8] and bulk_key(rotation[8]) or KEYS[1] }) do read('HLEN', key) end
    read('ZCARD', own_intents(KEYS[4]))
    write('HDEL', KEYS[2], 'holder', 'satisfied')
    holder = nil
  end
end
if holder and holder ~= id then
  -- Whoever holds it is driven by its own job: a short wait while its POST is under way, and until its next
  -- read where its outcome is unknown, which may take as long as the upstream is away.
  if lease_left > 0 then return { 'BUSY', int(math.max(math.min(lease_left, 1000), 100)) } end
  local next_read = tonumber(redis.pcall('HGET', rotation_key(holder), 'next')) or 0
  return { 'BUSY', int(math.max(math.min(next_read - now_ms, 30000), 1000)) }
end
if holder == id and lease_left > 0 then return { 'BUSY', int(lease_left) } end

local epoch = int(draw(now, held[5], held[6]))
-- When the key was last asked for: a request that was answered with this rotation counts too. Of a bulk it is
-- when that was asked for.
local asked = tonumber(rotation[8] and read('HGET', bulk_key(rotation[8]), 'created') or rotation[10] or rotation[9]) or math.huge
local verified = tonumber(held[8])
-- One of a clock that has been turned back since says nothing. Nor does it that there was no key: the one of
-- before may have come back.
local is_fresh = is_key(held[4]) and verified and verified > asked and verified < now_ms + 60000 and '1' or ''
if holder == id then
  local lands = tonumber(held[3]) or now_ms
  if lands - now_ms > 2 * landing_ms + 60000 then lands = now_ms + landing_ms end
  write('HSET', KEYS[2], 'epoch', epoch, 'lease', int(now_ms + lease_ms), 'lands', int(lands))
  return { 'RESUMED', epoch, int(now_ms), held[4] or '', held[6] or '', rotation[5], rotation[4], is_fresh, '0', '1', rotation[8] or '',
    int(lands - now_ms), held[10] and '1' or '', state == 'RECONCILING' and '1' or '', held[11] and '1' or '', rotation[11] or '', is_too_large(ARGV[4]) and '1' or '' }
end

local function put_off(why, wait_ms, code)
  if code and rotation[6] ~= code then write('HSET', KEYS[1], 'error', code) end
  return { why, int(wait_ms) }
end

-- One of a bulk goes on as the bulk does.
local bulk = rotation[8] and read('HMGET', bulk_key(rotation[8]), 'state', 'created') or {}
local bulk_state = bulk[1]
if bulk_state == 'CANCELLING' or bulk_state == 'CANCELLED' then
  -- ask: all
  if held[7] == id then write('HDEL', KEYS[2], 'queued:' .. rotation[2]) end
  finish(id, 'CANCELLED', int(now_ms))
  forget_if_never_published(KEYS[2])
  expire_if_deleted(KEYS[2])
  return { 'ENDED', 'CANCELLED' }
end
if bulk[2] and is_key(held[4]) and (tonumber(held[12]) or 0) > tonumber(bulk[2]) then
  -- Its key has been replaced since the bulk was asked for, whoever asked for that.
  -- ask: all
  finish(id, 'SUCCEEDED', int(now_ms), 'version', held[6], 'cause', 'rotation', 'error', '', 'status', '')
  return { 'ENDED', 'SUCCEEDED' }
end
if is_too_large(ARGV[4]) then
  -- ask: all
  if held[7] == id then write('HDEL', KEYS[2], 'queued:' .. rotation[2]) end
  finish(id, 'FAILED', int(now_ms), 'error', 'RECORD_TOO_LARGE', 'status', '')
  forget_if_never_published(KEYS[2])
  expire_if_deleted(KEYS[2])
  return { 'ENDED', 'FAILED' }
end
if bulk_state == 'PAUSED' or bulk_state == 'HALTED' then return { 'HALTED', '2000' } end

local facts = read('HMGET', KEYS[3], 'frozen', 'run:' .. org, 'run_at:' .. org, 'lost', 'id')
if facts[4] or (ARGV[11] ~= '' and facts[5] ~= ARGV[11]) then return put_off('FROZEN', 5000, 'LEDGER_LOST') end
if facts[1] then return put_off('FROZEN', 5000, 'FROZEN') end
if ARGV[8] ~= '' then return put_off('FROZEN', 5000, ARGV[8]) end
local run = tonumber(facts[2]) or 0
if run >= bound then
  local rest = left((tonumber(facts[3]) or 0) + landing_ms, now_ms, landing_ms)
  if rest > 0 then return put_off('HALTED', math.min(math.max(rest, 1000), 10000), 'TOO_MANY_UNKNOWNS') end
end
if open_intents(KEYS[4], bound, now_ms) >= bound then
  if run > 0 then return put_off('HALTED', 1000, 'TOO_MANY_UNKNOWNS') end
  return { 'FULL', '20' }
end
if held[4] == 'deleted' then
  -- ask: PERSIST
end
local free, wait, reserved = take_slot(KEYS[5], now, tonumber(ARGV[9]), rotation[8] and 'bulk' or 'first', ARGV[10] == '1')
-- A wait of that length is upstream's: whoever looks at the rotation sees why it waits.
if not free and wait > HORIZON_US and rotation[6] ~= 'UPSTREAM_RATE_LIMITED' then write('HSET', KEYS[1], 'error', 'UPSTREAM_RATE_LIMITED') end
if not free then return { 'PACED', string.format('%.3f', wait / 1000), reserved and '1' or '' } end
if run >= bound then write('HSET', KEYS[3], 'run_at:' .. org, int(now_ms)) end

write('HSET', KEYS[2], 'holder', id, 'epoch', epoch, 'intent_epoch', epoch, 'lease', int(now_ms + lease_ms),
  'intent', int(now_ms), 'lands', int(now_ms + landing_ms))
write('ZADD', own_intents(KEYS[4]), int(now_ms + landing_ms), name_of(KEYS[2]))
if held[7] == id then write('HDEL', KEYS[2], 'queued:' .. rotation[2]) end
if held[4] == 'deleted' then write('PERSIST', KEYS[2]) end
local attempts = int((tonumber(rotation[5]) or 0) + 1)
local started = rotation[4] or int(now_ms)
move(id, 'ROTATING', int(now_ms), 'attempts', attempts, 'started', started)
return { 'CLAIMED', epoch, int(now_ms), held[4] or '', held[6] or '', attempts, started, is_fresh, int(run), rotation[7] and '1' or '', rotation[8] or '' }
