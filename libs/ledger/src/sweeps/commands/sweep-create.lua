-- Records a sweep that is to be made, once for each scope.
--
-- KEYS  1 the new sweep   2 the index of sweeps   3 those that are QUEUED, by scope   4 the lock
-- ARGV  1 prefix  2 sweep id  3 org id, or '' for all  4 how many sweeps are kept
-- Returns {'CREATED', created ms, org id}   `c` is translated once it is known
--         {'KNOWN', sweep id, flat hash}   one that is still QUEUED for the same scope
-- Keeps: of sweeps beyond the number, only those go that nobody will go on with. What is QUEUED or at work is
-- never forgotten.

local id, org = ARGV[2], org_name(ARGV[3])

local function sweep_key(which)
  return PREFIX .. ':sweep:' .. which
end

local queued = read('HGET', KEYS[3], org)
if queued and read('HGET', sweep_key(queued), 'state') == 'QUEUED' then
  return { 'KNOWN', queued, read('HGETALL', sweep_key(queued)) }
end

local over = read('ZCARD', KEYS[2]) + 1 - tonumber(ARGV[4])
local at_work = read('HGET', KEYS[4], 'id')
local now = int(math.floor(now_us() / 1000))
write('HSET', KEYS[1], 'org', org, 'state', 'QUEUED', 'created', now, 'updated', now)
write('ZADD', KEYS[2], 0, id)
write('HSET', KEYS[3], org, id)

if over > 0 then
  for _, other in ipairs(read('ZRANGE', KEYS[2], 0, over - 1)) do
    if other ~= at_work and read('HGET', sweep_key(other), 'state') ~= 'QUEUED' then
      write('DEL', sweep_key(other))
      write('ZREM', KEYS[2], other)
    end
  end
end
return { 'CREATED', now, org }
