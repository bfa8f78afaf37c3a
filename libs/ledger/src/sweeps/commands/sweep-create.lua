-- Records a sweep, once for each scope.
--
-- Keeps: of the sweeps beyond the number that is kept, only those are deleted that are neither QUEUED nor
-- running.
--
-- @key sweep: the new sweep
-- @key sweeps: the index of sweeps
-- @key queued: the QUEUED sweeps, by scope
-- @key lock
-- @arg id text
-- @arg org text?: absent for all orgs
-- @arg keep number: how many sweeps are kept
-- @reply CREATED created_ms number, org text?: `c` is translated once it is known
-- @reply KNOWN known_id text, known hash: a sweep that is still QUEUED for the same scope
-- @include orgs/org-name
-- @include scripts/call
-- @include scripts/number
-- @include time/now

org = org_name(org)

local function sweep_key(which)
  return PREFIX .. ':sweep:' .. which
end

local known = read('HGET', queued, org)
if known and read('HGET', sweep_key(known), 'state') == 'QUEUED' then
  return reply.KNOWN { known_id = known, known = read('HGETALL', sweep_key(known)) }
end

local over = read('ZCARD', sweeps) + 1 - keep
local running = read('HGET', lock, 'id')
local now = int(math.floor(now_us() / 1000))
write('HSET', sweep, 'org', org, 'state', 'QUEUED', 'created', now, 'updated', now)
write('ZADD', sweeps, 0, id)
write('HSET', queued, org, id)

if over > 0 then
  for _, other in ipairs(read('ZRANGE', sweeps, 0, over - 1)) do
    if other ~= running and read('HGET', sweep_key(other), 'state') ~= 'QUEUED' then
      write('DEL', sweep_key(other))
      write('ZREM', sweeps, other)
    end
  end
end
return reply.CREATED { created_ms = now, org = org }
