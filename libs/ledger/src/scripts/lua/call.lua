-- `read` and `write`, with which every command is all or nothing.
--
-- Redis does not roll back: an error in the middle of a command leaves what the command wrote before it. So
-- each command first runs what can fail, and the rest cannot stop it:
-- - Rights are checked before the command begins (scripts/load.ts).
-- - Redis itself checks memory, a read-only state and a full disk, at the first write only.
-- - `read` and `write` check the types of keys. Until the command has written, they fail as Redis does. After
--   that they skip a key that another client has damaged, note it under `damaged`, and the command completes.
-- So a command first reads what it cannot do without, and first writes what must not be missing.

-- Whether the command has written.
local wrote = false

local LISTS = ' HGETALL HKEYS HMGET SMEMBERS ZDIFF ZRANDMEMBER ZRANGE ZRANGEBYSCORE '
local TEXTS = ' GET HGET LPOP ZREM ZSCORE '
local MAX_DAMAGED = 100

-- The reply of a call that failed after the command had written. A counter that holds no number starts again.
local function replace_failed(failure, command, key, ...)
  if command == 'HINCRBY' and not string.find(failure, 'WRONGTYPE', 1, true) then
    local field, by = ...
    redis.call('HSET', key, field, by)
    return by
  end
  local known = redis.pcall('HLEN', PREFIX .. ':damaged')
  if type(known) == 'number' and known < MAX_DAMAGED then
    redis.pcall('HSET', PREFIX .. ':damaged', key, failure)
  end
  local name = ' ' .. command .. ' '
  if string.find(LISTS, name, 1, true) then return {} end
  if string.find(TEXTS, name, 1, true) then return false end
  return command == 'GETRANGE' and '' or 0
end

local function read(command, key, ...)
  if not wrote then return redis.call(command, key, ...) end
  local result = redis.pcall(command, key, ...)
  if type(result) == 'table' and result.err then return replace_failed(result.err, command, key, ...) end
  return result
end

local function write(command, key, ...)
  if wrote then
    local result = redis.pcall(command, key, ...)
    if type(result) == 'table' and result.err then return replace_failed(result.err, command, key, ...) end
    return result
  end
  local result = redis.call(command, key, ...)
  wrote = true
  return result
end
