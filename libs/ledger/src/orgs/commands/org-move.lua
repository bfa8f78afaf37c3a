#!lua flags=allow-oom
-- Publishes again, under the real name of the org, what was published under `c`: the same keys, as new
-- versions. The words of the reply, one for each version:
--   moved
--   gone      it is not published under `c` any more
--   changed   a rotation holds it, its key is in doubt or was not read since a restart of Redis, or something
--             has happened to it since it was read: nothing was written
--
-- Keeps: a move says nothing about the key. What the ledger knows of it (known, verified, rotated,
-- superseded, when it was seen) stays as it was. A move never crosses a rotation or a check: the epoch is the
-- one that was read, and is drawn anew.
--
-- @key of_c: the assistants published under `c`
-- @key of_org: the assistants published under the org that `c` stands for
-- @key orgs
-- @arg org text
-- @arg encoded_org text: percent-encoded
-- @arg keep digits: the length of the stream
-- @arg recipients text?: the revision of the consumers at which the versions were sealed
-- @each version
-- @key assistant
-- @key current: the current record
-- @arg assistant_id text
-- @arg seen text: the SHA-1 of the current record that it was made from
-- @arg epoch text: of the assistant, as it was read
-- @arg version digits: the new version
-- @arg head text: the event before its numbers `seq` and `run`
-- @arg tail text: the event after them
-- @reply MOVED words text...
-- @reply RECIPIENTS: consumers were added or removed since the versions were sealed: nothing was written
-- @include consumers/recipients-revision
-- @include scripts/call
-- @include scripts/event
-- @include scripts/reply-of
-- @include time/now

if has_other_recipients(recipients) then return reply.RECIPIENTS end
local _, is_out_of_step = now_us()
-- A Redis that was restored from a copy may hold older keys than consumers do. Published again under a higher
-- version, they would replace the newer ones. So nothing moves on a Redis that no worker has recognised yet,
-- nor what no read has confirmed since the restart.
local redis_run, restarted = unpack(read('HMGET', PREFIX .. ':ledger', 'redis_run', 'restarted'))
local is_recognised = not redis_run
  or string.find(redis.call('INFO', 'server'), 'run_id:' .. redis_run, 1, true) ~= nil
local restarted_ms = tonumber(restarted) or 0

-- These stop the command before it writes anything, if they cannot be read.
read('ZCARD', of_c)
read('ZCARD', of_org)

local numbers = {}
local function move_one(version)
  local failure, holder, held_epoch, held_org, uncertain, held_version, verified =
    try_fields(version.assistant, { held_epoch = 'epoch', held_org = 'org', held_version = 'version' })
  if failure then return 'changed' end
  if held_org ~= 'c' then
    write('ZREM', of_c, version.assistant_id)
    return 'gone'
  end
  -- No version is published while the clock of Redis is out of step.
  if is_out_of_step or holder or uncertain or (held_epoch or '') ~= version.epoch then return 'changed' end
  if tonumber(version.version) <= (tonumber(held_version) or 0) then return 'changed' end
  if not is_recognised or (tonumber(verified) or 0) < restarted_ms then return 'changed' end
  local current = redis.pcall('GET', version.current)
  if type(current) ~= 'string' or redis.sha1hex(current) ~= version.seen then return 'changed' end

  local seq, event = emit(numbers, version.head, version.tail, keep)
  write('SET', version.current, event, 'KEEPTTL')
  write('HSET', version.assistant, 'version', version.version, 'epoch', version.version, 'seq', seq, 'org',
    encoded_org)
  local score = read('ZSCORE', of_c, version.assistant_id) or '0'
  write('ZREM', of_c, version.assistant_id)
  write('ZADD', of_org, score, version.assistant_id)
  write('SADD', orgs, org)
  return 'moved'
end

local words = {}
for i = 1, version_count do words[i] = move_one(i) end
if read('EXISTS', of_c) == 0 then write('SREM', orgs, 'c') end
return reply.MOVED { words = words }
