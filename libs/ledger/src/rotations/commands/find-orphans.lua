-- Finds open rotations without a job. Their gateway died before it queued them; or the job was lost, is in no
-- list, has failed, or was delayed until long after the rotation is due by a worker whose clock is wrong.
--
-- @key open: the index of open rotations
-- @arg after text?: the rotation id to continue after
-- @arg count number: how many rotations to look at
-- @arg quiet_ms number: only rotations that have not changed for this time
-- @arg queues text...: the queues, as BullMQ's keys begin
-- @reply LOOKED next text?, orphans orphan...: `next`: the last id looked at, if there may be more
-- @orphan found id text, org text, assistant_id text
-- @include rotations/rotation
-- @include scripts/call
-- @include time/now

local now_ms = math.floor(now_us() / 1000)

-- BullMQ computes delays by the clock of the worker, the ledger by Redis. Next reads are in the ledger; a
-- QUEUED rotation waits for an hour at most, if upstream asks for that (Retry-After).
local function is_put_off_too_far(id, due_ms)
  if due_ms <= now_ms + 120000 then return false end
  local state, next_read = unpack(redis.pcall('HMGET', rotation_key(id), 'state', 'next'))
  if state == 'RECONCILING' then return due_ms > (tonumber(next_read) or 0) + 120000 end
  return due_ms > now_ms + 2 * 3600000
end

-- How many entries of lists are searched for jobs that are in none.
local left = 200000

-- Whether a job is in a list of its queue: another client can have deleted the list. New jobs are put in at
-- the front, and the oldest rotations come first here.
local function is_listed(queue, id)
  if left <= 0 then return true end
  local searched = 1
  for _, list in ipairs({ queue .. ':active', queue .. ':wait', queue .. ':paused' }) do
    local is_found = redis.pcall('LPOS', list, id, 'RANK', -1)
    -- A list of another type is repaired elsewhere.
    if is_found then return true end
    searched = searched + read('LLEN', list)
  end
  left = left - searched
  return false
end

local function has_job(id, is_quiet)
  for _, queue in ipairs(queues) do
    if read('EXISTS', queue .. ':' .. id) == 1 and not read('ZSCORE', queue .. ':failed', id) then
      -- The score of a delayed job is its time in ms, times 4096.
      local score = read('ZSCORE', queue .. ':delayed', id)
      if not score and (not is_quiet or is_listed(queue, id)) then return true end
      if score and not is_put_off_too_far(id, tonumber(score) / 4096) then return true end
    end
  end
  return false
end

local ids = read('ZRANGE', open, after == '' and '-' or '(' .. after, '+', 'BYLEX', 'LIMIT', 0, count)
local orphans = {}
for _, id in ipairs(ids) do
  local rotation = redis.pcall('HMGET', rotation_key(id), 'updated', 'org', 'assistant', 'state')
  local updated, org, assistant_id, state = unpack(rotation)
  local is_quiet = tonumber(updated or '') and math.abs(now_ms - tonumber(updated)) >= quiet_ms
  if not has_job(id, is_quiet) then
    -- Another client can have put an ended rotation back.
    if updated == false or state == 'SUCCEEDED' or state == 'FAILED' or state == 'CANCELLED' then
      write('ZREM', open, id)
    elseif is_quiet then
      -- It changed long ago, or before the clock was turned back.
      orphans[#orphans + 1] = orphan.found { id = id, org = org, assistant_id = assistant_id }
    end
  end
end
return reply.LOOKED { next = #ids == count and ids[#ids], orphans = orphans }
