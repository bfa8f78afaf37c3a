-- Takes the lock under which all sweeps run, and begins a sweep under it.
--
-- Keeps: two sweeps never run at once, as long as each saves within its lease. A RUNNING sweep whose run is
-- gone starts over without its counts: what it had compared is unknown. Sweeps of everything and of one org
-- take turns if both wait: however many wait of one sort, the other is next.
--
-- @key sweep
-- @key lock
-- @key queued: the QUEUED sweeps, by scope
-- @arg id text
-- @arg token text: of this run
-- @arg lease_ms number
-- @reply BEGUN now_ms number, sweep hash: also if the same run began it before and the response was lost
-- @reply BUSY wait_ms number: until the lease of the run that holds the lock lapses; or it is the turn of
--   another sweep
-- @reply ENDED
-- @reply MISSING
-- @include scripts/call
-- @include scripts/number
-- @include sweeps/queued
-- @include sweeps/readable
-- @include time/now
-- @include time/time-left

local state, org = fields(sweep)
-- Without its scope nothing can be compared: the next sweep does it.
if not state or not org then return reply.MISSING end
if state ~= 'QUEUED' and state ~= 'RUNNING' then return reply.ENDED end

-- Sweeps that wait try again within a second. Nothing waits for one whose job is lost.
local TRIES_WITHIN_MS = 5000

local facts = PREFIX .. ':ledger'
local now_ms = math.floor(now_us() / 1000)
local function is_recent(ms)
  return math.abs(now_ms - (tonumber(ms) or -math.huge)) <= TRIES_WITHIN_MS
end
local tried, yielded, last = unpack(read('HMGET', facts, 'sweep_tried', 'sweep_yielded', 'sweep_last'))
local is_spoilt = is_wrong_type(lock)
local lock_token, lease
if not is_spoilt then lock_token, lease = unpack(read('HMGET', lock, 'token', 'lease')) end
if lock_token and lock_token ~= token then
  local rest = time_left(tonumber(lease) or 0, now_ms, lease_ms)
  if rest > 0 then
    if org == '' then write('HSET', facts, 'sweep_tried', int(now_ms)) end
    return reply.BUSY { wait_ms = int(rest) }
  end
end
if org ~= '' and last ~= 'all' and is_recent(tried) then return reply.BUSY { wait_ms = '1000' } end
-- A worker draws sweeps of one org only while none of everything is ready: the latter waits for one.
if org == '' and last == 'all' and state == 'QUEUED' and is_another_queued(queued)
  and (not yielded or is_recent(yielded)) then
  if not yielded then write('HSET', facts, 'sweep_yielded', int(now_ms)) end
  return reply.BUSY { wait_ms = '1000' }
end

if queued_for(queued, org) == id then write('HDEL', queued, org) end
if is_spoilt then write('DEL', lock) end
write('HSET', lock, 'id', id, 'token', token, 'lease', int(now_ms + lease_ms))
if org == '' then
  write('HSET', facts, 'sweep_begun', int(now_ms), 'sweep_last', 'all')
  write('HDEL', facts, 'sweep_tried', 'sweep_yielded')
else
  write('HDEL', facts, 'sweep_last', 'sweep_yielded')
end
mend_sweep(sweep, org, now_ms)
write('HSET', sweep, 'state', 'RUNNING', 'token', token, 'started', int(now_ms), 'updated', int(now_ms))
return reply.BEGUN { now_ms = int(now_ms), sweep = read('HGETALL', sweep) }
