#!lua flags=allow-oom
-- Publishes again under its real name what was published under `c`: the same keys, as new versions.
--
-- KEYS  1 the assistants published under `c`   2 those under the org that `c` stands for   3 the orgs
--       4… of each key version: its assistant, the current record
-- ARGV  1 prefix  2 org id  3 org id percent-encoded  4 length to keep the stream at  5 at which revision of the consumers they were sealed
--       6… of each: assistant id, SHA-1 of the current record that it was made from, epoch of the assistant as it was read, the new version,
--       event text before the number `seq`, event text after it
-- Returns {'MOVED', word, word, …}, one for each:
--           moved
--           gone      it is not published under `c` any more
--           changed   a rotation holds it, its key is in doubt or was not read since Redis was restarted, or something has happened to it since it was
--                     read: nothing was written
--         {'READERS'}   consumers were added or removed since they were sealed: nothing was written
-- Keeps: a move says nothing about the key. What the ledger knows of it (known, verified, rotated,
-- superseded, when it was seen) stays as it was. A move never crosses a rotation or a check: the epoch is the
-- one that was read, and is drawn anew.

if readers_revision() ~= ARGV[5] then return { 'READERS' } end
local _, is_out_of_step = now_us()
-- A Redis that was restored from a copy may hold older keys than consumers do: published again under a higher
-- version, they would replace the newer ones. So nothing moves on a Redis that nobody has recognised yet, nor
-- what no read has confirmed since it was restarted.
local facts = read('HMGET', PREFIX .. ':ledger', 'redis_run', 'restarted')
local is_recognised = not facts[1] or string.find(redis.call('INFO', 'server'), 'run_id:' .. facts[1], 1, true) ~= nil
local restarted = tonumber(facts[2]) or 0

-- What cannot be read stops it before anything is written.
read('ZCARD', KEYS[1])
read('ZCARD', KEYS[2])

local function move_one(assistant_key, current_key, id, seen, epoch, version, head, tail)
  local held = redis.pcall('HMGET', assistant_key, 'holder', 'epoch', 'org', 'uncertain', 'version', 'verified')
  if held.err then return 'changed' end
  if held[3] ~= 'c' then
    write('ZREM', KEYS[1], id)
    return 'gone'
  end
  -- No version is published while the clock of Redis is out of step.
  if is_out_of_step or held[1] or held[4] or (held[2] or '') ~= epoch or tonumber(version) <= (tonumber(held[5]) or 0) then return 'changed' end
  if not is_recognised or (tonumber(held[6]) or 0) < restarted then return 'changed' end
  local current = redis.pcall('GET', current_key)
  if type(current) ~= 'string' or redis.sha1hex(current) ~= seen then return 'changed' end

  local seq, event = emit(head, tail, ARGV[4])
  write('SET', current_key, event, 'KEEPTTL')
  write('HSET', assistant_key, 'version', version, 'epoch', version, 'seq', seq, 'org', ARGV[3])
  local score = read('ZSCORE', KEYS[1], id) or '0'
  write('ZREM', KEYS[1], id)
  write('ZADD', KEYS[2], score, id)
  write('SADD', KEYS[3], ARGV[2])
  return 'moved'
end

local reply = { 'MOVED' }
for i = 4, #KEYS, 2 do
  local at = 6 + 3 * (i - 4)
  reply[#reply + 1] = move_one(KEYS[i], KEYS[i + 1], unpack(ARGV, at, at + 5))
end
if read('EXISTS', KEYS[1]) == 0 then write('SREM', KEYS[3], 'c') end
return reply
