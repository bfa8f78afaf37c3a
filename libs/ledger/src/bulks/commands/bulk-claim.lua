#!lua flags=allow-oom
-- Claims assistants of a bulk that wait, each with an intent to POST and a rotation of its own, as far as
-- room and request budget go.
--
-- KEYS  1 the bulk   2 the states of its assistants   3 the ledger's own facts   4 the open intents of the org   5 the request budget
--       6… the assistants
-- ARGV  1 prefix  2 bulk id  3 org id  4 lease ms  5 landing window ms  6 how many intents of the org may be open
--       7 the code why no POST may leave now, or ''  8 µs between two requests, 0 for no limit  9 the id of the ledger that the
--       worker knows, or ''  10… for each assistant: its index in the bulk,
--       the id of its rotation, its id
-- Returns {'CLAIMED', now ms, unknowns in a row, ms to wait, {word, …}, …} a word for each assistant in order, as far as they came:
--           {'claimed', epoch, key state or '', version or '', fresh}   as claim.lua
--           {'shared'}    another rotation has replaced the key since the bulk was asked for: that serves both
--           {'busy'}      a rotation holds it, or one that was asked for singly is QUEUED for it and goes first
--           {'past'}      it does not wait (any more); where its ledger entry cannot be read, or its record is too long, it has failed
--         `ms to wait` is not 0 where the request budget gave out
--         {'STOPPED', state}      the bulk does not run
--         {'FULL', ms to wait}    as many intents of the org are open as a bulk may have: a tenth is left to single rotations
--         {'FROZEN', ms to wait}  no POST may leave, or the clock of Redis is out of step
-- Keeps: all that claim.lua keeps; an assistant of a bulk is begun once. Too many unknown outcomes in a row
-- halt the bulk.

local bulk_id, org, lease_ms, landing_ms, bound, step = ARGV[2], org_name(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[8])

local bulk = read('HMGET', KEYS[1], 'state', 'created', 'reason', 'started', 'until', 'open', 'run_seen')
if bulk[1] ~= 'RUNNING' then return { 'STOPPED', bulk[1] or '' } end
local created = tonumber(bulk[2])

local now, is_out_of_step = now_us()
if is_out_of_step then return { 'FROZEN', '1000' } end
local now_ms = math.floor(now / 1000)
local now_text, lands_text = int(now_ms), int(now_ms + landing_ms)
if is_window_closed(bulk_id, bulk[5], bulk[6], now_ms) then return { 'STOPPED', read('HGET', KEYS[1], 'state') } end
local facts = read('HMGET', KEYS[3], 'frozen', 'run:' .. org, 'run_at:' .. org, 'lost', 'id')
if facts[4] or (ARGV[9] ~= '' and facts[5] ~= ARGV[9]) then return { 'FROZEN', '5000' } end
if facts[1] or ARGV[7] ~= '' then return { 'FROZEN', '5000' } end
local run = tonumber(facts[2]) or 0
if run >= bound and left((tonumber(facts[3]) or 0) + landing_ms, now_ms, landing_ms) > 0 then
  -- Those that somebody had seen when it was resumed do not halt it again: it waits until the next POST may
  -- leave, to see.
  if run <= (tonumber(bulk[7]) or 0) then return { 'FULL', '1000' } end
  stop_bulk(bulk_id, 'HALTED', 'TOO_MANY_UNKNOWNS', now_ms)
  return { 'STOPPED', 'HALTED' }
end
-- What decides whether a POST may leave is read before anything is written.
read('GETRANGE', KEYS[2], 0, 0)
read('HLEN', KEYS[5])
-- A tenth is left to single rotations: they need not wait until one of a bulk has ended.
local share = bound - math.floor(bound / 10)
local room = share - open_intents(KEYS[4], share, now_ms)
if room <= 0 then return { 'FULL', run > 0 and '1000' or '5' } end
-- After too many unknown outcomes in a row, one POST a landing window, to see.
if run >= bound then room = 1 end

local queued_field = 'queued:' .. org
local reply = { 'CLAIMED', now_text, int(run), '0' }
local begun = 0

local function is_fresh(state, verified)
  return is_key(state) and verified and created and verified > created and verified < now_ms + 60000 and '1' or ''
end

for i = 6, #KEYS do
  local at = 10 + 3 * (i - 6)
  local index, rotation, assistant, key = ARGV[at], ARGV[at + 1], ARGV[at + 2], KEYS[i]
  local word
  if read('GETRANGE', KEYS[2], index, index) ~= '.' then
    word = { 'past' }
  else
    local held = redis.pcall('HMGET', key, 'holder', 'lease', 'lands', 'fingerprint', 'epoch', 'version', queued_field, 'verified', 'rotated')
    local holder = held[1]
    local is_too_long = not held.err and not holder and is_too_large(assistant)
    if held.err then
      end_item(bulk_id, index, 'I', now_ms, false, 'LEDGER_CORRUPT', assistant)
      request_check(org, assistant, now_ms)
    elseif is_too_long then
      end_item(bulk_id, index, 'O', now_ms, false, 'RECORD_TOO_LARGE', assistant)
    elseif holder and left(tonumber(held[2]) or 0, now_ms, lease_ms) == 0 and is_orphaned(holder, tonumber(held[3]) or 0, now_ms) then
      let_go(key)
      holder = nil
    end
    if held.err or is_too_long then
      word = { 'past' }
      if read('HGET', KEYS[1], 'state') ~= 'RUNNING' then
        -- That was one failure too many.
        reply[#reply + 1] = word
        break
      end
    elseif is_key(held[4]) and (tonumber(held[9]) or 0) > created then
      end_item(bulk_id, index, 'm', now_ms, false)
      word = { 'shared' }
    elseif holder or (held[7] and read('HGET', rotation_key(held[7]), 'state') == 'QUEUED') then
      word = { 'busy' }
    else
      if begun >= room then break end
      local free, wait = take_slot(KEYS[5], now, step, 'bulk')
      if not free then
        reply[4] = string.format('%.3f', wait / 1000)
        break
      end
      local epoch = int(draw(now, held[5], held[6]))
      write('HSET', key, 'holder', rotation, 'epoch', epoch, 'intent_epoch', epoch, 'lease', int(now_ms + lease_ms), 'intent', now_text, 'lands', lands_text)
      if held[4] == 'deleted' then write('PERSIST', key) end
      write('ZADD', own_intents(KEYS[4]), lands_text, name_of(key))
      write('HSET', rotation_key(rotation), 'org', org, 'assistant', assistant, 'assistant_key', key, 'state', 'ROTATING', 'reason', bulk[3],
        'created', now_text, 'started', now_text, 'updated', now_text, 'attempts', 1, 'bulk', bulk_id, 'item', index)
      write('ZADD', PREFIX .. ':rotations:open', 0, rotation)
      write('SETRANGE', KEYS[2], index, 'r')
      begun = begun + 1
      word = { 'claimed', epoch, held[4] or '', held[6] or '', is_fresh(held[4], tonumber(held[8])) }
    end
  end
  reply[#reply + 1] = word
end

if begun > 0 then
  write('HINCRBY', KEYS[1], 'open', begun)
  if not bulk[4] then write('HSET', KEYS[1], 'started', now_text) end
  if run >= bound then write('HSET', KEYS[3], 'run_at:' .. org, now_text) end
end
return reply
