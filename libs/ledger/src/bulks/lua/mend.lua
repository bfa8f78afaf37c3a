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
-- Beyond this number of open rotations, they are counted only for a bulk that is known to be damaged.
local FEW_ROTATIONS = 5000

local function is_whole(text)
  return text and #text < 16 and string.match(text, '^%d+$') ~= nil
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

-- Counts everything anew, and draws it again from the start. `total` is a number.
local function recount_bulk(id, total, again, now_ms)
  local key = bulk_key(id)
  local state, lost, limit, urgent, created = fields(key)
  local letters = sound_letters(key, total, again)
  local indexes, unknown = open_items(id, total)
  write('HSET', key, 'succeeded', count_letters(letters, 's'), 'shared', count_letters(letters, 'm'),
    'cancelled', count_letters(letters, 'x'), 'failed', count_letters(letters, '%u'),
    'open', int(#indexes), 'unknown', int(unknown), 'cursor', '0', 'updated', int(now_ms))
  if lost and not is_whole(lost) then write('HSET', key, 'lost', '0') end
  if not is_whole(limit) or tonumber(limit) > total then write('HSET', key, 'limit', int(total)) end
  write('DEL', key .. ':states', key .. ':draws', key .. ':redo')
  if total > 0 then write('SET', key .. ':states', letters) end
  for _, index in ipairs(indexes) do write('SETRANGE', key .. ':states', index, 'r') end
  if state == 'VERIFYING' then
    write('HSET', key, 'state', 'RUNNING')
    write('HDEL', key, 'task_token', 'task_until', 'verification')
    activate_bulk(id, urgent, created)
  end
  settle_bulk(id, now_ms)
end

-- Whether nothing of a running bulk is left to draw although some of it was not begun.
local function is_stuck(key, n_total)
  local cursor, limit, succeeded, shared, failed, cancelled, open = fields(key)
  local function n(text) return is_whole(text) and tonumber(text) or 0 end
  if n(cursor) < math.min(n(limit), n_total) then return false end
  local done = n(succeeded) + n(shared) + n(failed) + n(cancelled)
  return done + n(open) < math.min(n(limit), n_total)
    and redis.pcall('HLEN', key .. ':draws') == 0 and redis.pcall('LLEN', key .. ':redo') == 0
end
