-- Puts a bulk right that another client has changed: its places in the indexes, the states of its assistants,
-- its counts and its draws. What was done is not done again: an assistant that was rotated since the bulk was
-- requested counts as shared when it is drawn again.
--
-- @include bulks/activate
-- @include bulks/bulk
-- @include bulks/settle
-- @include rotations/rotation
-- @include scripts/call
-- @include scripts/number

-- What is no letter of a bulk that rotates (see `failureLetters` in libs/schema).
local NO_LETTER = '[^%.rsmxA-OZ]'
-- More assistants are in no bulk: another client has written the list.
local MOST_ASSISTANTS = 10000000
-- Beyond this number of open rotations, they are counted only for a bulk that is known to be damaged.
local FEW_ROTATIONS = 5000

local function is_whole(text)
  return text and #text < 16 and string.match(text, '^%d+$') ~= nil
end

-- The number of assistants in the list; nil if that cannot be read. Ids lie a thousand to a string.
local function count_ids(key)
  local chunks = redis.pcall('HLEN', key .. ':ids')
  if type(chunks) ~= 'number' or chunks == 0 then return chunks == 0 and 0 or nil end
  local last = redis.pcall('HGET', key .. ':ids', int(chunks - 1))
  if type(last) ~= 'string' or chunks > MOST_ASSISTANTS / 1000 then return nil end
  local _, breaks = string.gsub(last, '\n', '')
  return (chunks - 1) * 1000 + breaks + 1
end

-- The total of a bulk, whatever its entry holds: the list decides. nil if the list lacks assistants.
local function listed_total(key, total)
  local listed = count_ids(key)
  if not listed or listed >= total then return listed end
  return redis.pcall('STRLEN', key .. ':states') == listed and listed or nil
end

local function states_fit(key, total)
  return redis.pcall('STRLEN', key .. ':states') == tonumber(total)
end

-- The indexes of the assistants whose rotation is open, and how many outcomes are unknown.
local function open_items(id, total)
  local indexes, unknown = {}, 0
  for _, rotation in ipairs(read('ZRANGE', PREFIX .. ':rotations:open', 0, -1)) do
    local found = redis.pcall('HMGET', rotation_key(rotation), 'bulk', 'item', 'state')
    local state = found[3]
    local is_open = state == 'QUEUED' or state == 'ROTATING' or state == 'RECONCILING'
    if is_open and found[1] == id and is_whole(found[2]) and tonumber(found[2]) < total then
      indexes[#indexes + 1] = found[2]
      if state == 'RECONCILING' then unknown = unknown + 1 end
    end
  end
  return indexes, unknown
end

-- The letters as they are, if they can be; those under way, and `again`, wait again.
local function sound_letters(key, total, again)
  local letters = redis.pcall('GET', key .. ':states')
  if type(letters) ~= 'string' or #letters ~= total or string.find(letters, NO_LETTER) then
    return string.rep('.', total)
  end
  letters = string.gsub(letters, 'r', '.')
  if #again == 0 then return letters end
  local wanted, at, parts = {}, 1, {}
  for _, index in ipairs(again) do wanted[#wanted + 1] = tonumber(index) + 1 end
  table.sort(wanted)
  for _, place in ipairs(wanted) do
    if place >= at and place <= total then
      parts[#parts + 1] = string.sub(letters, at, place - 1) .. '.'
      at = place + 1
    end
  end
  return table.concat(parts) .. string.sub(letters, at)
end

local function count_letters(letters, pattern)
  local _, count = string.gsub(letters, pattern, '')
  return int(count)
end

-- The canary, or all of them.
local function sound_limit(limit, canary, total)
  local first = is_whole(canary) and math.min(tonumber(canary), total) or total
  return is_whole(limit) and tonumber(limit) == total and total or first
end

-- Counts everything anew, and draws it again from the start. False if the list of its assistants is damaged:
-- nothing is written. `noted` is the total that the entry holds, a number.
local function recount_bulk(id, noted, again, now_ms)
  local key = bulk_key(id)
  local total = listed_total(key, noted)
  if not total then return false end
  local state, lost, limit, canary, urgent, created = fields(key)
  local letters = sound_letters(key, total, again)
  local indexes, unknown = open_items(id, total)
  write('HSET', key, 'succeeded', count_letters(letters, 's'), 'shared', count_letters(letters, 'm'),
    'cancelled', count_letters(letters, 'x'), 'failed', count_letters(letters, '%u'),
    'open', int(#indexes), 'unknown', int(unknown), 'cursor', '0', 'updated', int(now_ms),
    'total', int(total), 'limit', int(sound_limit(limit, canary, total)))
  if lost and not is_whole(lost) then write('HSET', key, 'lost', '0') end
  write('DEL', key .. ':states', key .. ':draws', key .. ':redo')
  if total > 0 then write('SET', key .. ':states', letters) end
  for _, index in ipairs(indexes) do write('SETRANGE', key .. ':states', index, 'r') end
  if state == 'VERIFYING' then
    write('HSET', key, 'state', 'RUNNING')
    write('HDEL', key, 'task_token', 'task_until', 'verification')
    activate_bulk(id, urgent, created)
  end
  settle_bulk(id, now_ms)
  return true
end

-- Whether nothing of a running bulk is left to draw although some of it was not begun, or although nothing
-- is open that would end it.
local function is_stuck(key, n_total)
  local cursor, limit, succeeded, shared, failed, cancelled, open = fields(key)
  local function n(text) return is_whole(text) and tonumber(text) or 0 end
  local most = math.min(n(limit), n_total)
  if n(cursor) < most then return false end
  local done = n(succeeded) + n(shared) + n(failed) + n(cancelled)
  return (n(open) == 0 or done + n(open) < most)
    and redis.pcall('HLEN', key .. ':draws') == 0 and redis.pcall('LLEN', key .. ':redo') == 0
end
