-- The number of open intents, of an org and in all. At the limit, intents whose assistant was deleted from
-- the ledger by hand are removed: otherwise they would always count. So are those that a worker of an earlier
-- version has closed, which does not know the index of all; and entries of another client, which no rotation
-- that is under way stands behind.
--
-- @include rotations/orphan
-- @include rotations/own-intents
-- @include rotations/rotation
-- @include scripts/call
-- @include scripts/number
-- @include scripts/reply-of

local LOOKED_AT = 100

-- Whether a rotation of the assistant that is under way stands behind the entry. If that cannot be read,
-- because the assistant or the rotation is damaged, a POST may still be on its way: until it has landed, the
-- entry counts.
local function is_open(name, lands_ms, now_ms)
  local assistant = PREFIX .. ':assistant:' .. name
  local failure, holder = try_fields(assistant)
  if not failure and not holder then return false end
  if lands_ms > now_ms and lands_ms < now_ms + LANDED_WITHIN_MS then return true end
  return holder and redis.pcall('HGET', rotation_key(holder), 'assistant_key') == assistant
    and not is_orphaned(holder, lands_ms, now_ms)
end

-- Removes entries that are not open. Of many, it looks at another part each time.
local function remove_stale(intents, from, to, now_ms)
  local count = read('ZCOUNT', intents, from, to)
  local first = count > LOOKED_AT and now_ms % (count - LOOKED_AT + 1) or 0
  local found = read('ZRANGEBYSCORE', intents, from, to, 'WITHSCORES', 'LIMIT', int(first), LOOKED_AT)
  for i = 1, #found, 2 do
    if not is_open(found[i], tonumber(found[i + 1]), now_ms) then write('ZREM', intents, found[i]) end
  end
end

-- Looking at each entry is work: of an index that is full, and no fuller than it can get, only one command
-- of so many does that.
local LOOKS_ONE_OF = 20

local function count_intents(intents, limit, now_ms)
  local open = read('ZCARD', intents)
  if open < limit then return open end
  -- The other bound decides whether a POST may leave: it is read before anything is written.
  read('ZCARD', PREFIX .. ':intents')
  remove_stale(intents, '-inf', int(now_ms), now_ms)
  remove_stale(intents, int(now_ms + LANDED_WITHIN_MS), '+inf', now_ms)
  if open > 2 * limit or now_ms % LOOKS_ONE_OF == 0 then remove_stale(intents, '-inf', '+inf', now_ms) end
  return read('ZCARD', intents)
end

local function open_intents(intents, limit, now_ms)
  return count_intents(own_intents(intents), limit, now_ms)
end

-- The limit of one org bounds nothing for a caller that names many orgs: all together have a limit of their
-- own. A response takes less than this, as a rule. If most intents are older, their outcomes are unknown.
local USUALLY_ENDS_WITHIN_MS = 5000

-- How many further intents may be open; if none, whether that is because outcomes are unknown, and not only
-- because many requests are in flight.
local function room_in_all(limit, now_ms, landing_ms)
  local room = limit - count_intents(PREFIX .. ':intents', limit, now_ms)
  if room > 0 then return room, false end
  local middle = int(math.floor(limit / 2))
  local _, lands = unpack(read('ZRANGE', PREFIX .. ':intents', middle, middle, 'WITHSCORES'))
  return 0, now_ms + landing_ms - (tonumber(lands) or 0) > USUALLY_ENDS_WITHIN_MS
end
