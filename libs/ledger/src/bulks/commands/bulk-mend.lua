#!lua flags=allow-oom
-- Puts an open bulk right if another client has changed its places in the indexes, the states of its
-- assistants, its counts or its draws.
--
-- Keeps: an assistant of a bulk is begun once. Nothing is counted that was not done.
--
-- @key bulk
-- @arg id text
-- @arg thorough flag: the states of all assistants are compared with the counts
-- @arg again text...: the indexes of assistants that wait again, in order and each once: they were not
--   rotated, whatever their states say
-- @reply SOUND
-- @reply MENDED
-- @reply MISSING: it has ended, is gone, or cannot be read; its places in the indexes are put right
-- @include bulks/mend
-- @include scripts/call
-- @include scripts/reply-of
-- @include time/now

local failure, state, total, open, urgent, created, prepared, returned, returned_below = try_fields(bulk)
local ACTIVE = ' PREPARING RUNNING VERIFYING '
local OPEN = ACTIVE .. 'PAUSED HALTED CANCELLING '
local ENDED = ' COMPLETED FAILED CANCELLED VALIDATED '
local now_ms = math.floor(now_us() / 1000)
-- Otherwise it counts as open, and leaves no room to others.
if not failure and not state then
  write('ZREM', PREFIX .. ':bulks', id)
  write('ZREM', PREFIX .. ':bulks:active', id)
elseif state and string.find(ENDED, ' ' .. state .. ' ', 1, true) then
  write('ZADD', PREFIX .. ':bulks:ended', 'NX', int(now_ms), id)
  write('ZREM', PREFIX .. ':bulks:active', id)
end
if failure or not state or not string.find(OPEN, ' ' .. state .. ' ', 1, true) then return reply.MISSING end
local is_mended = false

local function is_missing(index)
  return redis.pcall('ZSCORE', PREFIX .. ':' .. index, id) == false
end

local function letters_differ()
  -- A bulk without assistants has none.
  local letters = redis.pcall('GET', bulk .. ':states') or ''
  if type(letters) ~= 'string' or string.find(letters, NO_LETTER) then return true end
  local patterns = { succeeded = 's', shared = 'm', cancelled = 'x', failed = '%u', open = 'r' }
  for field, pattern in pairs(patterns) do
    local counted = tonumber(read('HGET', bulk, field)) or 0
    if counted ~= tonumber(count_letters(letters, pattern)) then return true end
  end
  return false
end

local function counts_differ(n_total)
  if is_whole(open) and tonumber(open) == 0 then return false end
  if read('ZCARD', PREFIX .. ':rotations:open') > FEW_ROTATIONS then return false end
  return #open_items(id, n_total) ~= (tonumber(open) or 0)
end

if is_missing('bulks') then
  write('ZADD', PREFIX .. ':bulks', 0, id)
  is_mended = true
end
if string.find(ACTIVE, ' ' .. state .. ' ', 1, true) and is_missing('bulks:active') then
  activate_bulk(id, urgent, created)
  is_mended = true
end
-- By a clock that was turned back they may seem to be not rotated for a long time.
local function not_returned_before(indexes)
  local below = is_whole(returned_below) and tonumber(returned_below) or (returned and math.huge or 0)
  local new = {}
  for _, index in ipairs(indexes) do
    if tonumber(index) >= below then new[#new + 1] = index end
  end
  return new
end

again = not_returned_before(again)
if prepared == '1' and is_whole(total) then
  local n_total = tonumber(total)
  local is_damaged = not states_fit(bulk, total) or listed_total(bulk, n_total) ~= n_total
    or (state == 'RUNNING' and is_stuck(bulk, n_total))
  if #again > 0 or is_damaged or counts_differ(n_total) or (thorough and letters_differ()) then
    -- If the list is damaged, the next draw halts it, and the verification reports it.
    local is_recounted = recount_bulk(id, n_total, again, now_ms)
    if is_recounted and #again > 0 then
      write('HSET', bulk, 'returned', '1', 'returned_below', int(tonumber(again[#again]) + 1))
    end
    is_mended = is_mended or is_recounted
  end
end
return is_mended and reply.MENDED or reply.SOUND
