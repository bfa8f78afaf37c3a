-- Records a sweep, once for each scope.
--
-- Keeps: of the sweeps beyond the number that is kept, only those are deleted that are neither QUEUED nor
-- running. A limited number of requested sweeps of one org is QUEUED, whichever orgs callers name.
--
-- @key sweep: the new sweep
-- @key sweeps: the index of sweeps
-- @key queued: the QUEUED sweeps, by scope
-- @key lock
-- @arg id text
-- @arg org text?: absent for all orgs
-- @arg keep number: how many sweeps are kept
-- @arg limit number?: how many requested sweeps of one org may be QUEUED; absent if Rekey itself, or an
--   operator's decision about a held org, needs the sweep
-- @actor
-- @reply CREATED created_ms number, org text?: `c` is translated once it is known
-- @reply KNOWN known_id text, known hash: a sweep that is still QUEUED for the same scope
-- @reply FULL: the limit is reached
-- @reply UNKNOWN: nothing was published under the org, no policy names it, and no worker has an API key
--   for it
-- @include activity/record
-- @include orgs/known-org
-- @include orgs/org-name
-- @include scripts/call
-- @include scripts/number
-- @include sweeps/queued
-- @include sweeps/readable
-- @include time/now

org = org_name(org)

local function sweep_key(which)
  return PREFIX .. ':sweep:' .. which
end

local now_ms = math.floor(now_us() / 1000)
-- Another client can have named any sweep here: one of another scope, or one that is in no index, which
-- nothing would ever begin.
local known = queued_for(queued, org)
local state, scope
if known and read('ZSCORE', sweeps, known) then
  state, scope = unpack(redis.pcall('HMGET', sweep_key(known), 'state', 'org'))
end
if state == 'QUEUED' and (not scope or org_name(scope) == org) then
  mend_sweep(sweep_key(known), org, now_ms)
  return reply.KNOWN { known_id = known, known = read('HGETALL', sweep_key(known)) }
end

local is_limited = limit and org ~= ''
if is_limited and not is_known_org(org) then return reply.UNKNOWN end

-- The number of requested sweeps that wait, at least; and the entries of those that do not wait any more.
-- Rekey never keeps more entries than these; of many more, an earlier version has left some.
local MAX_ENTRIES = 1000
local function count_waiting()
  if read('HLEN', queued) > MAX_ENTRIES then return MAX_ENTRIES, {} end
  local waiting, gone = 0, {}
  local entries = read('HGETALL', queued)
  for i = 1, #entries, 2 do
    local state, requested = unpack(redis.pcall('HMGET', sweep_key(entries[i + 1]), 'state', 'requested'))
    if state == false or (type(state) == 'string' and state ~= 'QUEUED') then
      gone[#gone + 1] = entries[i]
    elseif entries[i] ~= '' and requested ~= false then
      waiting = waiting + 1
    end
  end
  return waiting, gone
end
local gone = {}
local is_spoilt = is_wrong_type(queued)
if is_limited and not is_spoilt and read('HLEN', queued) >= limit then
  local waiting
  waiting, gone = count_waiting()
  if waiting >= limit then return reply.FULL end
end

local over = read('ZCARD', sweeps) + 1 - keep
local running = not is_wrong_type(lock) and read('HGET', lock, 'id')
local now = int(now_ms)
write('HSET', sweep, 'org', org, 'state', 'QUEUED', 'created', now, 'updated', now,
  'requested_by', actor_by)
if is_limited then write('HSET', sweep, 'requested', '1') end
if is_spoilt then write('DEL', queued) end
for _, scope in ipairs(gone) do write('HDEL', queued, scope) end
write('ZADD', sweeps, 0, id)
write('HSET', queued, org, id)
record_activity(actor, 'sweep.requested', 'org', org, 'target', 'sweep:' .. id, 'after', 'QUEUED')

if over > 0 then
  for _, other in ipairs(read('ZRANGE', sweeps, 0, over - 1)) do
    if other ~= running and read('HGET', sweep_key(other), 'state') ~= 'QUEUED' then
      write('DEL', sweep_key(other))
      write('ZREM', sweeps, other)
    end
  end
end
return reply.CREATED { created_ms = now, org = org }
