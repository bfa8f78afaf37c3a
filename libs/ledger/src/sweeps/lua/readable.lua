-- A sweep that waits is known by its scope alone. What another client has spoiled of its other fields is
-- written anew: otherwise nobody could request a sweep of that scope, or begin it, until it was deleted.
--
-- @include scripts/call
-- @include scripts/number

local function is_count(text)
  return text and string.match(text, '^%d+$') and #text < 16
end

-- The sweep has compared nothing yet.
local function mend_sweep(key, org, now_ms)
  local created, updated, started, ended = fields(key)
  if not is_count(created) then write('HSET', key, 'created', int(now_ms)) end
  if not is_count(updated) then write('HSET', key, 'updated', int(now_ms)) end
  if started and not is_count(started) then write('HDEL', key, 'started') end
  if ended and not is_count(ended) then write('HDEL', key, 'ended') end
  write('HSET', key, 'org', org)
  write('HDEL', key, 'counts')
end
