#!lua flags=allow-oom
-- Puts an open bulk right if another client has changed its places in the indexes, the states of its
-- assistants, its counts or its draws.
--
-- Keeps: an assistant of a bulk is begun once. Nothing is counted that was not done.
--
-- @key bulk
-- @arg id text
-- @arg thorough flag: the states of all assistants are compared with the counts
-- @arg again text...: the indexes of assistants that wait again, once for each bulk: they were not rotated,
--   whatever their states say
-- @reply SOUND
-- @reply MENDED
-- @reply MISSING: it has ended, or cannot be read
-- @include bulks/mend
-- @include scripts/call
-- @include scripts/reply-of
-- @include time/now

local failure, state, total, open, urgent, created, prepared, returned = try_fields(bulk)
local ACTIVE = ' PREPARING RUNNING VERIFYING '
local OPEN = ACTIVE .. 'PAUSED HALTED CANCELLING '
if failure or not state or not string.find(OPEN, ' ' .. state .. ' ', 1, true) then return reply.MISSING end
local now_ms = math.floor(now_us() / 1000)
local is_mended = false

local function is_missing(index)
  return redis.pcall('ZSCORE', PREFIX .. ':' .. index, id) == false
end

local function letters_differ()
  local letters = redis.pcall('GET', bulk .. ':states')
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
if returned then again = {} end
if prepared == '1' and is_whole(total) then
  local n_total = tonumber(total)
  local is_damaged = not states_fit(bulk, total) or (state == 'RUNNING' and is_stuck(bulk, n_total))
  if #again > 0 or is_damaged or counts_differ(n_total) or (thorough and letters_differ()) then
    if #again > 0 then write('HSET', bulk, 'returned', '1') end
    recount_bulk(id, n_total, again, now_ms)
    is_mended = true
  end
end
return is_mended and reply.MENDED or reply.SOUND
