#!lua flags=allow-oom
-- Pauses, resumes, cancels or retries a bulk rotation, as somebody asks.
--
-- KEYS  1 the bulk
-- ARGV  1 prefix  2 bulk id  3 `pause`, `resume`, `cancel` or `retry`; or `acknowledged`: consumers have applied the keys of its canary
-- Returns {'DONE'}             also where it was so already
--         {'REFUSED', state}   it is in no state that allows this
--         {'MISSING'}
-- Keeps: whoever comes last of two at once has it his way, and each sees a state that was.

local id, wish = ARGV[2], ARGV[3]

local bulk = read('HMGET', KEYS[1], 'state', 'prepared', 'open', 'failed', 'lost', 'urgent', 'created', 'total', 'org', 'why', 'limit')
local state = bulk[1]
if not state then return { 'MISSING' } end
local now_ms = math.floor(now_us() / 1000)
local open, failed = tonumber(bulk[3]) or 0, tonumber(bulk[4]) or 0

local function run(to)
  write('HSET', KEYS[1], 'state', to, 'why', '', 'updated', int(now_ms))
  restart_rate(KEYS[1], now_ms)
  activate_bulk(id, bulk[6], bulk[7])
  publish('bulk-changed', id)
end

-- What cannot be read stops it before anything is written.
local states = wish == 'retry' and read('GET', KEYS[1] .. ':states') or ''
local run_seen = bulk[9] and read('HGET', PREFIX .. ':ledger', 'run:' .. bulk[9]) or 0
local awaits = bulk[10] == 'CANARY_AWAITS_CONSUMERS' and state == 'PAUSED'
write('SREM', PREFIX .. ':bulks:awaiting', id)
if wish == 'acknowledged' then
  -- Whoever paused, resumed or cancelled it meanwhile has it his way.
  if not awaits then return { 'REFUSED', state } end
  wish = 'resume'
end

if wish == 'pause' then
  -- It no longer goes on by itself.
  if awaits then stop_bulk(id, 'PAUSED', 'CANARY_DONE', now_ms) end
  if state == 'PAUSED' then return { 'DONE' } end
  if state ~= 'RUNNING' and state ~= 'HALTED' and state ~= 'PREPARING' then return { 'REFUSED', state } end
  stop_bulk(id, 'PAUSED', 'PAUSED_BY_OPERATOR', now_ms)
elseif wish == 'resume' then
  if state == 'RUNNING' or state == 'PREPARING' then return { 'DONE' } end
  if state ~= 'PAUSED' and state ~= 'HALTED' then return { 'REFUSED', state } end
  if bulk[2] ~= '1' then
    run('PREPARING')
  else
    -- What failed until now has been seen by whoever resumes it; so has the canary.
    write('HSET', KEYS[1], 'forgiven', failed + (tonumber(bulk[5]) or 0), 'run_seen', run_seen)
    write('HDEL', KEYS[1], 'away_since', 'unread')
    write('HDEL', PREFIX .. ':ledger', 'drift:' .. bulk[9], 'drift_at:' .. bulk[9])
    if bulk[10] == 'CANARY_DONE' or awaits or (state == 'HALTED' and done_of(KEYS[1]) >= tonumber(bulk[11])) then write('HSET', KEYS[1], 'limit', bulk[8]) end
    run('RUNNING')
    settle_bulk(id, now_ms)
  end
elseif wish == 'cancel' then
  if state == 'CANCELLING' or state == 'CANCELLED' then return { 'DONE' } end
  if state ~= 'PREPARING' and state ~= 'RUNNING' and state ~= 'PAUSED' and state ~= 'HALTED' then return { 'REFUSED', state } end
  cancel_bulk(id, 'CANCELLED_BY_OPERATOR', open, now_ms)
elseif wish == 'retry' then
  if state ~= 'COMPLETED' then
    -- Repeated, it finds itself at work.
    if bulk[2] == '1' and (state == 'RUNNING' or state == 'VERIFYING') and read('HEXISTS', KEYS[1], 'retried') == 1 then return { 'DONE' } end
    return { 'REFUSED', state }
  end
  if failed == 0 then return { 'DONE' } end
  -- Of every hundred that has some, all are drawn: of these only those that wait are begun.
  local spans, at = {}, string.find(states, '%u')
  while at do
    local first = math.floor((at - 1) / 100) * 100
    local last = math.min(first + 100, #states)
    spans[#spans + 1] = int(first) .. ':' .. int(last)
    at = string.find(states, '%u', last + 1)
  end
  for i = 1, #spans, 1000 do write('RPUSH', KEYS[1] .. ':redo', unpack(spans, i, math.min(i + 999, #spans))) end
  write('SET', KEYS[1] .. ':states', (string.gsub(states, '%u', '.')))
  write('HSET', KEYS[1], 'failed', 0, 'forgiven', 0, 'limit', bulk[8], 'retried', '1')
  -- It is asked for by hand: the window that a policy had it in does not count any more.
  write('HDEL', KEYS[1], 'ended', 'verification', 'away_since', 'unread', 'until')
  write('DEL', KEYS[1] .. ':failures')
  write('ZREM', PREFIX .. ':bulks:ended', id)
  run('RUNNING')
end
return { 'DONE' }
