-- Stands before every command. Written once: Redis time, exact numbers, and the moves that several commands share.
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

-- The ms left until a moment that was set at most `longest` ahead; 0 where it has passed. One that lies much farther ahead was set
-- by a clock that has been turned back since: nobody can say when it was, and it counts as passed.
local function left(until_ms, now_ms, longest)
  local rest = until_ms - now_ms
  return (rest > 2 * longest + 60000) and 0 or math.max(rest, 0)
end

-- Moves a rotation to another state, with further fields and values. The hash must exist. `since`, `next`, `read_error` and
-- `operator` are of RECONCILING alone: left behind, they mean nothing.
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

-- An assistant's id as it stands in its key: percent-encoded.
local function name_of(assistant_key)
  return string.sub(assistant_key, #PREFIX + #':assistant:' + 1)
end

-- Takes a holder off an assistant. When its intent began stays.
local function let_go(assistant_key)
  redis.call('HDEL', assistant_key, 'holder', 'lease', 'lands', 'intent_epoch', 'satisfied')
end

-- Hands the assistant back, its intent closed.
local function hand_back(assistant_key, intents_key)
  let_go(assistant_key)
  redis.call('ZREM', intents_key, name_of(assistant_key))
end

-- An assistant that has no key version, no claim and nothing queued leaves nothing behind: ids that do not exist upstream
-- must not fill the memory. Its epoch may go, since the next one is drawn from the clock.
local function forget_if_never_published(assistant_key)
  local fields = redis.call('HKEYS', assistant_key)
  for _, field in ipairs(fields) do
    if field ~= 'epoch' and field ~= 'intent' then return end
  end
  if #fields > 0 then redis.call('DEL', assistant_key) end
end

-- What is known of a deleted assistant is kept for consumers to see, and then forgotten; not while a rotation holds it.
local function expire_if_deleted(assistant_key)
  local held = redis.call('HMGET', assistant_key, 'fingerprint', 'holder')
  if held[1] == 'deleted' and not held[2] then redis.call('EXPIRE', assistant_key, 30 * 86400) end
end

-- An id as it was before it was percent-encoded.
local function decoded(name)
  return (string.gsub(name, '%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end))
end

-- Has an assistant read and compared, at the latest at a moment. Never later than it was to be read anyway.
local function request_check(org, assistant, at_ms)
  redis.call('ZADD', PREFIX .. ':checks', 'LT', int(at_ms), org .. '/' .. assistant)
end

-- The same, but not before that moment: an earlier check does not stand for it. `mark` tells it from all others of the assistant.
local function request_later_check(org, assistant, at_ms, mark)
  redis.call('ZADD', PREFIX .. ':checks', int(at_ms), org .. '/' .. assistant .. '/' .. mark)
end

-- Whether a holder is no rotation that can be read, so that nobody will ever hand the assistant back, and its POST, if one ever left, can
-- no longer take effect.
local function is_orphaned(holder, lands_ms, now_ms)
  local state = redis.pcall('HGET', rotation_key(holder), 'state')
  return (not state or type(state) == 'table') and lands_ms <= now_ms
end

-- Puts an event on the stream and the channel: its text before and after the number `seq`. Returns number and text.
local function emit(head, tail, keep)
  local seq = int(redis.call('INCR', PREFIX .. ':seq'))
  local event = head .. seq .. tail
  redis.call('XADD', PREFIX .. ':events', 'MAXLEN', '~', keep, '*', 'event', event)
  redis.call('PUBLISH', PREFIX .. ':events', event)
  return seq, event
end

-- The end of a fingerprint (KEYID:HASH): eleven characters of the hash tell a handful apart, and five of them fit in a small hash.
local function short(fingerprint)
  return string.sub(fingerprint, -11)
end

-- Whether a state of a key is a fingerprint, and not `no-key` or `deleted`.
local function is_key(state)
  return state and string.find(state, ':', 1, true) ~= nil
end

-- Whether a key was superseded by another. While an assistant has no key, the first of the list is the one that it lost: it may come
-- back, as where an upstream could not find the assistant for a while.
local function was_superseded(state, current, superseded)
  return is_key(state) and string.find(superseded, short(state), is_key(current) and 1 or 13, true) ~= nil
end
