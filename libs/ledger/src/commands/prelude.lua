-- Stands before every command. Written once: Redis time, exact numbers, and the moves that every command shares.
-- Keys are derived from PREFIX, which is in braces and so pins them all to one slot.

local PREFIX = ARGV[1]

local function now_us()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- Lua prints large numbers in exponents; this does not.
local function int(number)
  return string.format('%.0f', number)
end

local function rotation_key(id)
  return PREFIX .. ':rotation:' .. id
end

-- Moves a rotation to another state, with further fields and values. The hash must exist. `since` and `next` are of
-- RECONCILING alone: left behind, they mean nothing.
local function move(id, to, now_ms, ...)
  redis.call('HSET', rotation_key(id), 'state', to, 'updated', now_ms, ...)
end

-- Ends a rotation, once, and tells who waits for it. The index has those that go on under `open`, the others under their end
-- state; one that is not open has ended already, or is not there.
local function finish(id, to, now_ms, ...)
  if redis.call('ZREM', PREFIX .. ':rotations:open', id) == 0 then return end
  move(id, to, now_ms, 'ended', now_ms, ...)
  redis.call('ZADD', PREFIX .. ':rotations:' .. to, 0, id)
  redis.call('PUBLISH', PREFIX .. ':rotation-ended', id)
end

-- The next number for an assistant: rises also over a Redis that lost its last seconds, for the clock goes on.
local function draw(now, epoch, version)
  return math.max(now, (tonumber(epoch) or 0) + 1, (tonumber(version) or 0) + 1)
end

-- Hands the assistant back, its intent closed.
local function hand_back(assistant_key)
  redis.call('HDEL', assistant_key, 'holder', 'lease', 'intent', 'lands', 'intent_epoch', 'satisfied')
end

-- An assistant that has no key version, no claim and nothing queued leaves nothing behind: ids that do not exist upstream
-- must not fill the memory. Its epoch may go, since the next one is drawn from the clock.
local function forget_if_never_published(assistant_key)
  if redis.call('HLEN', assistant_key) == 1 then redis.call('HDEL', assistant_key, 'epoch') end
end
