-- Draws work of the bulk rotations: some assistants to rotate, or a whole bulk to prepare or to verify. It
-- comes back by itself where whoever drew it does not renew it.
--
-- KEYS  1 the bulks that are worked on   2 the ledger's own facts
-- ARGV  1 prefix  2 token of who draws  3 lease ms  4 how many assistants at most  5 how many intents of an org its bulks may have open
--       6 '1' to draw assistants  7 '1' to draw a bulk to prepare or verify, 'urgent' to draw one only where it is urgent
--       8 assistants only of bulks before this place, '' for all  9 µs between two requests, 0 for no limit  10… bulks to pass over
-- Returns {'RANGE', bulk id, org, from, to, states, place}   those at the indexes from … to - 1; their letters; the lower the place of
--         their bulk, the sooner it is their turn
--         {'PREPARE', bulk id, '1' where it is urgent} or {'VERIFY', …}
--         {'NOTHING'}
-- Keeps: an assistant that waits and was passed by is in a draw that somebody has, or in those to be redone.
-- Urgent bulks come first, then older ones.
-- Where assistants were named, what they take is reckoned here, when the first of them are drawn: nobody has
-- prepared them.

local token, lease_ms, size, bound = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local now_ms = math.floor(now_us() / 1000)
local until_text = int(now_ms + lease_ms)
local before, step = tonumber(ARGV[8]) or math.huge, tonumber(ARGV[9])
local passed_over = {}
for i = 10, #ARGV do passed_over[ARGV[i]] = true end
local frozen = read('HEXISTS', KEYS[2], 'frozen') == 1

local function span_of(text)
  local from, to = string.match(text, '^(%d+):(%d+)$')
  return tonumber(from), tonumber(to)
end

-- Its parts are read before anything is written: one that cannot be read holds up no other.
local function can_be_drawn(key)
  local states, draws, redo = redis.pcall('GETRANGE', key .. ':states', 0, 0), redis.pcall('HLEN', key .. ':draws'), redis.pcall('LLEN', key .. ':redo')
  return type(states) == 'string' and type(draws) == 'number' and type(redo) == 'number'
end

local function range(id, key, org, from, to, place)
  write('HSET', key .. ':draws', int(from) .. ':' .. int(to), until_text .. ' ' .. token)
  return { 'RANGE', id, org, int(from), int(to), read('GETRANGE', key .. ':states', from, to - 1), place }
end

-- A request for each, and the comparison at the end: by listing the org, or one by one. As `verifyRequests`
-- in the worker has it.
local function estimate(key, org, total)
  local known = math.max(tonumber(redis.pcall('ZCARD', PREFIX .. ':assistants:' .. encoded(org))) or 0, total)
  local requests = total + (total > 1 + known / 100 and math.ceil(known / 100) or total)
  write('HSET', key, 'requests', int(requests), 'takes', int(requests * step / 1000))
end

local places = read('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for at = 1, #places, 2 do
  local id, place = places[at], places[at + 1]
  local key = bulk_key(id)
  local bulk = redis.pcall('HMGET', key, 'state', 'org', 'cursor', 'limit', 'until', 'task_until', 'open', 'urgent', 'requests', 'total')
  local state = bulk[1]
  if not state then
    -- One that is not there; one that cannot be read waits for somebody to mend it, and holds up no other.
    if not bulk.err then write('ZREM', KEYS[1], id) end
  elseif state == 'PREPARING' or state == 'VERIFYING' then
    if (ARGV[7] == '1' or (ARGV[7] == 'urgent' and bulk[8] == '1')) and not passed_over[id] and left(tonumber(bulk[6]) or 0, now_ms, lease_ms) == 0 then
      write('HSET', key, 'task_token', token, 'task_until', until_text)
      return { state == 'PREPARING' and 'PREPARE' or 'VERIFY', id, bulk[8] or '' }
    end
  elseif state == 'RUNNING' and can_be_drawn(key) then
    if not is_window_closed(id, bulk[5], bulk[7], now_ms) and ARGV[6] == '1' and tonumber(place) < before and not frozen and not passed_over[id] and open_intents(intents_key(bulk[2]), bound, now_ms) < bound then
      local draws = read('HGETALL', key .. ':draws')
      for i = 1, #draws, 2 do
        if left(tonumber(string.match(draws[i + 1], '^(%d+)')) or 0, now_ms, lease_ms) == 0 then
          local from, to = span_of(draws[i])
          return range(id, key, bulk[2], from, to, place)
        end
      end
      local cursor, limit = tonumber(bulk[3]) or 0, tonumber(bulk[4]) or 0
      if cursor < limit then
        -- Ids lie a thousand to a string; a draw is of one string.
        local to = math.min(cursor + size, limit, (math.floor(cursor / 1000) + 1) * 1000)
        write('HSET', key, 'cursor', int(to))
        note_rate(key, now_ms)
        if not bulk[9] then estimate(key, bulk[2], tonumber(bulk[10]) or 0) end
        return range(id, key, bulk[2], cursor, to, place)
      end
      -- After the others: what was held or could not be sent before may do better by then.
      local again = write('LPOP', key .. ':redo')
      if again then
        local from, to = span_of(again)
        return range(id, key, bulk[2], from, to, place)
      end
    end
  end
end
return { 'NOTHING' }
