#!lua flags=allow-oom
-- Saves what comes of preparing or verifying a bulk, and moves it on when that is over.
--
-- KEYS  1 the bulk   2 its ids
-- ARGV  1 prefix  2 bulk id  3 token of who drew it  4 what comes of it, with further arguments:
--       `restart`                          it begins anew: ids and states that were noted before are forgotten
--       `ids` chunk text count             a thousand of its ids, one a line
--       `prepared` total requests ms list  all of them are there; what it takes; what upstream's list held (JSON)
--       `incomplete` …                     the same, but the list is known to be incomplete: an operator decides
--       `letters` from text                states of some, of a dry run: one after the other
--       `validated` requests ms list       the dry run is over: as many as there are states
--       `verified` JSON                    what the comparison has found so far
--       `completed` JSON                   … and it is over
--       `failed` code list                 it cannot be prepared
-- Returns {'SAVED'}
--         {'LOST'}   the bulk is another's by now, or was paused or cancelled: nothing was written

local id, wish = ARGV[2], ARGV[4]

local bulk = read('HMGET', KEYS[1], 'state', 'task_token')
local wanted = (wish == 'verified' or wish == 'completed') and 'VERIFYING' or 'PREPARING'
if bulk[1] ~= wanted or bulk[2] ~= ARGV[3] then return { 'LOST' } end
local now_ms = math.floor(now_us() / 1000)

if wish == 'restart' then
  write('DEL', KEYS[2], KEYS[1] .. ':states')
  write('HDEL', KEYS[1], 'list')
elseif wish == 'ids' then
  -- An id with a line break in it would have every later one taken for another.
  local _, breaks = string.gsub(ARGV[6], '\n', '')
  if breaks + 1 ~= tonumber(ARGV[7]) then return redis.error_reply('ids do not lie one a line') end
  write('HSET', KEYS[2], ARGV[5], ARGV[6])
elseif wish == 'letters' then
  write('SETRANGE', KEYS[1] .. ':states', ARGV[5], ARGV[6])
elseif wish == 'prepared' or wish == 'incomplete' then
  -- Some of them were lost with a Redis that failed over: it begins anew.
  if read('HLEN', KEYS[2]) ~= math.ceil(tonumber(ARGV[5]) / 1000) then return { 'LOST' } end
  write('HSET', KEYS[1], 'total', ARGV[5], 'requests', ARGV[6], 'takes', ARGV[7])
  if ARGV[8] ~= '' then write('HSET', KEYS[1], 'list', ARGV[8]) end
  write('HDEL', KEYS[1], 'task_token', 'task_until')
  begin_bulk(id, tonumber(ARGV[5]), now_ms)
  -- As if it had halted before its first assistant: whoever resumes it accepts the assistants that were
  -- listed.
  if wish == 'incomplete' then stop_bulk(id, 'HALTED', 'LIST_INCOMPLETE', now_ms) end
elseif wish == 'validated' then
  local states = read('GET', KEYS[1] .. ':states') or ''
  local _, valid = string.gsub(states, 'v', '')
  if ARGV[7] ~= '' then write('HSET', KEYS[1], 'list', ARGV[7]) end
  write('HSET', KEYS[1], 'total', #states, 'requests', ARGV[5], 'takes', ARGV[6], 'valid', valid, 'failed', #states - valid)
  end_bulk(id, 'VALIDATED', '', now_ms)
elseif wish == 'verified' then
  write('HSET', KEYS[1], 'verification', ARGV[5], 'updated', int(now_ms))
elseif wish == 'completed' then
  write('HSET', KEYS[1], 'verification', ARGV[5])
  end_bulk(id, 'COMPLETED', '', now_ms)
elseif wish == 'failed' then
  if ARGV[6] ~= '' then write('HSET', KEYS[1], 'list', ARGV[6]) end
  end_bulk(id, 'FAILED', ARGV[5], now_ms)
end
return { 'SAVED' }
