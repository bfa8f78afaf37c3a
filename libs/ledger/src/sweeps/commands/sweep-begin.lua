-- Takes the lock under which all sweeps run, and begins a sweep under it.
--
-- Keeps: two sweeps never run at once, as long as each saves within its lease. A RUNNING sweep whose run is
-- gone starts over without its counts: what it had compared is unknown. A sweep of everything that waits for
-- the lock gets it next: sweeps of one org, however many, wait for it.
--
-- @key sweep
-- @key lock
-- @key queued: the QUEUED sweeps, by scope
-- @arg id text
-- @arg token text: of this run
-- @arg lease_ms number
-- @reply BEGUN now_ms number, sweep hash: also if the same run began it before and the response was lost
-- @reply BUSY wait_ms number: until the lease of the run that holds the lock lapses; or a sweep of everything
--   has tried to take the lock a moment ago
-- @reply ENDED
-- @reply MISSING
-- @include scripts/call
-- @include scripts/number
-- @include time/now
-- @include time/time-left

local state, org = fields(sweep)
if not state then return reply.MISSING end
if state ~= 'QUEUED' and state ~= 'RUNNING' then return reply.ENDED end

-- A sweep of everything tries again within a second. Nothing waits for one whose job is lost.
local TRIES_WITHIN_MS = 5000

local now_ms = math.floor(now_us() / 1000)
local tried_ms = tonumber(read('HGET', PREFIX .. ':ledger', 'sweep_tried')) or -math.huge
local lock_token, lease = fields(lock, { lock_token = 'token' })
if lock_token and lock_token ~= token then
  local rest = time_left(tonumber(lease) or 0, now_ms, lease_ms)
  if rest > 0 then
    if org == '' then write('HSET', PREFIX .. ':ledger', 'sweep_tried', int(now_ms)) end
    return reply.BUSY { wait_ms = int(rest) }
  end
end
if org ~= '' and math.abs(now_ms - tried_ms) <= TRIES_WITHIN_MS then
  return reply.BUSY { wait_ms = '1000' }
end

if read('HGET', queued, org) == id then write('HDEL', queued, org) end
write('HSET', lock, 'id', id, 'token', token, 'lease', int(now_ms + lease_ms))
if org == '' then
  write('HSET', PREFIX .. ':ledger', 'sweep_begun', int(now_ms))
  write('HDEL', PREFIX .. ':ledger', 'sweep_tried')
end
write('HDEL', sweep, 'counts')
write('HSET', sweep, 'state', 'RUNNING', 'token', token, 'started', int(now_ms), 'updated', int(now_ms))
return reply.BEGUN { now_ms = int(now_ms), sweep = read('HGETALL', sweep) }
