-- Before each command stands what it needs of this (scripts.ts). Written once: Redis time, exact numbers, and
-- the moves that several commands share.
-- Keys are derived from PREFIX, which is in braces and so pins them all to one slot.

-- A process that watches the clock of Redis (ledger-clock.ts) adds the moment that it expects there now, and
-- by how many ms Redis may differ from it: less than
-- 0 while the process cannot tell what time it is.
local PREFIX, EXPECTED_MS, TOLERANCE_MS = string.match(ARGV[1], '^(%S+) ?(%d*) ?(-?%d*)$')

-- ---- all or nothing ----

-- Redis rolls nothing back: an error in the middle of a command leaves what was written before it. What can
-- fail is therefore tried first, or cannot stop the rest: the rights before the command begins (scripts.ts);
-- memory, a read-only Redis and a full disk by Redis itself, at the first write alone; and the types of keys
-- by `read` and `write`. Until the command has written, these fail as Redis does. From then on a key that
-- another writer has spoilt is left as it is and noted under `damaged`, and the command completes without it.
-- (`redis.call` is as `read` where nothing can have been written yet, and costs less.) So each command first
-- reads what it cannot do without, and writes first what must not be missing.
local wrote = false

local LISTS = ' HGETALL HKEYS HMGET SMEMBERS ZDIFF ZRANDMEMBER ZRANGE ZRANGEBYSCORE '
local TEXTS = ' GET HGET LPOP ZREM ZSCORE '
local MOST_DAMAGED = 100
-- What a command replies in place of an error. A number that is none begins anew.
local function without(failure, command, key, ...)
  if command == 'HINCRBY' and not string.find(failure, 'WRONGTYPE', 1, true) then
    local field, by = ...
    redis.call('HSET', key, field, by)
    return by
  end
  local known = redis.pcall('HLEN', PREFIX .. ':damaged')
  if type(known) == 'number' and known < MOST_DAMAGED then redis.pcall('HSET', PREFIX .. ':damaged', key, failure) end
  local name = ' ' .. command .. ' '
  if string.find(LISTS, name, 1, true) then return {} end
  if string.find(TEXTS, name, 1, true) then return false end
  return command == 'GETRANGE' and '' or 0
end

local function read(command, key, ...)
  if not wrote then return redis.call(command, key, ...) end
  local reply = redis.pcall(command, key, ...)
  if type(reply) == 'table' and reply.err then return without(reply.err, command, key, ...) end
  return reply
end

local function write(command, key, ...)
  if wrote then
    local reply = redis.pcall(command, key, ...)
    if type(reply) == 'table' and reply.err then return without(reply.err, command, key, ...) end
    return reply
  end
  local reply = redis.call(command, key, ...)
  wrote = true
  return reply
end

-- Whoever listens can do without a message: it is never what a command is for.
local function publish(channel, message)
  redis.pcall('PUBLISH', PREFIX .. ':' .. channel, message)
end

local function redis_us()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- A command that waited for its connection runs later than its caller expected. A difference beyond this one
-- is taken to be a jump of the clock.
local LATE_MS = 60000

-- What time it is, and whether the clock of Redis is out of step with what the caller expects. Then no
-- version is drawn and no claim is made; all other commands go on, and take the caller's reckoning once the
-- difference is too large for a command that is merely late.
local function now_us()
  local now = redis_us()
  if EXPECTED_MS == '' then return now, false end
  local off_ms = math.abs(now / 1000 - tonumber(EXPECTED_MS))
  return off_ms > LATE_MS and 1000 * tonumber(EXPECTED_MS) or now, off_ms > tonumber(TOLERANCE_MS)
end

-- Lua prints large numbers in exponents; this does not.
local function int(number)
  return string.format('%.0f', number)
end

local function rotation_key(id)
  return PREFIX .. ':rotation:' .. id
end

-- The ms left until a moment that was set at most `longest` ahead; 0 where it has passed. One that lies much
-- farther ahead was set by a clock that has been turned back since: nobody can say when it was, and it counts
-- as passed.
local function left(until_ms, now_ms, longest)
  local rest = until_ms - now_ms
  return (rest > 2 * longest + 60000) and 0 or math.max(rest, 0)
end

-- Moves a rotation to another state, with further fields and values. The hash must exist. `since`, `next`,
-- `read_error` and `operator` are of RECONCILING alone: left behind, they mean nothing.
local function move(id, to, now_ms, ...)
  write('HSET', rotation_key(id), 'state', to, 'updated', now_ms, ...)
end

-- An id as it stands in a key: as JavaScript's encodeURIComponent has it.
local function encoded(id)
  return (string.gsub(id, "[^%w%-_.!~*'()]", function(byte) return string.format('%%%02X', string.byte(byte)) end))
end

-- The one name of an org: `c` is translated once the ledger knows which org it stands for. Commands translate
-- for themselves, so that a process that has not heard of the alias yet still writes to the right place.
local function org_name(org)
  if org ~= 'c' then return org end
  return read('HGET', PREFIX .. ':ledger', 'alias') or org
end

local function intents_key(org)
  return PREFIX .. ':intents:' .. encoded(org_name(org))
end

-- The key of an org's open intents, as a process names it: that of `c` is translated like the org itself.
local function own_intents(key)
  return key == PREFIX .. ':intents:c' and intents_key('c') or key
end

-- ---- bulk rotations: what several commands share ----

-- One letter for each assistant of a bulk: see failureLetters in libs/schema. What is not in the table is
-- INTERNAL.
-- Texts, and no tables: every command that has them makes them anew.
local FAILURE_LETTERS = ' ASSISTANT_NOT_FOUND=A ASSISTANT_DELETED=B NO_SECRET_KEY=C UPSTREAM_REJECTED=D UPSTREAM_UNAUTHENTICATED=E UPSTREAM_FORBIDDEN=F'
  .. ' ORG_NOT_CONFIGURED=G UPSTREAM_UNREACHABLE=H LEDGER_CORRUPT=I REPLICAS_MISSING=J SENT_TOO_LATE=K INVALID_ARGUMENT=L UPSTREAM_UNEXPECTED=M ANSWER_UNREADABLE=N RECORD_TOO_LARGE=O'
local COUNTED_AS = 's=succeeded m=shared x=cancelled'

local function letter_of_failure(code)
  return code and string.match(FAILURE_LETTERS, ' ' .. code .. '=(%u)') or 'Z'
end

local function bulk_key(id)
  return PREFIX .. ':bulk:' .. id
end

-- Those that are worked on, in the order in which they are: urgent ones first, then older ones.
local function activate_bulk(id, urgent, created)
  write('ZADD', PREFIX .. ':bulks:active', int((tonumber(created) or 0) - (urgent == '1' and 1e13 or 0)), id)
end

local function end_bulk(id, to, why, now_ms)
  local key = bulk_key(id)
  write('HSET', key, 'state', to, 'why', why, 'updated', int(now_ms), 'ended', int(now_ms))
  write('HDEL', key, 'task_token', 'task_until')
  write('ZREM', PREFIX .. ':bulks:active', id)
  write('ZADD', PREFIX .. ':bulks:ended', int(now_ms), id)
  -- As of most windows of a policy: these make room first.
  if (tonumber(read('HGET', key, 'total')) or 0) == 0 then write('ZADD', PREFIX .. ':bulks:empty', int(now_ms), id) end
  write('DEL', key .. ':draws', key .. ':redo', key .. ':exclude')
  publish('bulk-changed', id)
end

-- It waits for somebody. What is under way goes on.
local function stop_bulk(id, to, why, now_ms)
  write('HSET', bulk_key(id), 'state', to, 'why', why, 'updated', int(now_ms))
  write('HDEL', bulk_key(id), 'rate')
  write('ZREM', PREFIX .. ':bulks:active', id)
  publish('bulk-changed', id)
end

local function cancel_bulk(id, why, open, now_ms)
  if open > 0 then
    write('HSET', bulk_key(id), 'state', 'CANCELLING', 'why', why, 'updated', int(now_ms))
    write('ZREM', PREFIX .. ':bulks:active', id)
  else
    end_bulk(id, 'CANCELLED', why, now_ms)
  end
end

-- Whether the time is over until which a bulk may run; it is cancelled then.
local function is_window_closed(id, until_text, open, now_ms)
  if not until_text or until_text == '' or now_ms <= tonumber(until_text) then return false end
  cancel_bulk(id, 'WINDOW_CLOSED', tonumber(open) or 0, now_ms)
  return true
end

-- Moves a bulk on where its counts say so: halted, its canary done, or nothing left to do.
local function settle_bulk(id, now_ms)
  local key = bulk_key(id)
  local bulk = read('HMGET', key, 'state', 'total', 'limit', 'succeeded', 'shared', 'failed', 'cancelled', 'open', 'lost',
    'allowed', 'forgiven', 'canary_continues', 'urgent', 'created', 'canary_awaits')
  local state = bulk[1]
  local function n(i) return tonumber(bulk[i]) or 0 end
  local open = n(8)
  if state == 'CANCELLING' then
    if open == 0 then end_bulk(id, 'CANCELLED', read('HGET', key, 'why'), now_ms) end
    return
  end
  if state ~= 'RUNNING' and state ~= 'PAUSED' and state ~= 'HALTED' then return end
  local done = n(4) + n(5) + n(6) + n(7)
  if done >= n(2) and open == 0 then
    write('HSET', key, 'state', 'VERIFYING', 'why', '', 'updated', int(now_ms), 'limit', bulk[2])
    activate_bulk(id, bulk[13], bulk[14])
  elseif state == 'RUNNING' then
    if n(6) + n(9) - n(11) > n(10) then
      stop_bulk(id, 'HALTED', 'TOO_MANY_FAILURES', now_ms)
    elseif done >= n(3) and open == 0 then
      if bulk[12] == '1' and bulk[15] == '1' and n(6) + n(9) == 0 then
        write('SADD', PREFIX .. ':bulks:awaiting', id)
        stop_bulk(id, 'PAUSED', 'CANARY_AWAITS_CONSUMERS', now_ms)
      elseif bulk[12] == '1' and n(6) + n(9) == 0 then
        write('HSET', key, 'limit', bulk[2])
      else
        stop_bulk(id, 'PAUSED', 'CANARY_DONE', now_ms)
      end
    end
  end
end

-- All ids are known: from now on it happens.
local function begin_bulk(id, total, now_ms)
  local key = bulk_key(id)
  local bulk = read('HMGET', key, 'canary', 'limit_count', 'limit_percent', 'urgent', 'created')
  local canary, percent = tonumber(bulk[1]), tonumber(bulk[3])
  local allowed = percent and math.ceil(total * percent / 100) or tonumber(bulk[2]) or total
  if total > 0 then write('SET', key .. ':states', string.rep('.', total)) end
  write('HSET', key, 'state', 'RUNNING', 'prepared', '1', 'cursor', 0, 'limit', canary and math.min(canary, total) or total, 'allowed', allowed,
    'open', 0, 'updated', int(now_ms))
  publish('bulk-changed', id)
  settle_bulk(id, now_ms)
end

-- How many assistants a second came to an end lately: looked at every few seconds.
local RATE_EVERY_MS = 3000
local function done_of(key)
  local done = 0
  for _, count in ipairs(read('HMGET', key, 'succeeded', 'shared', 'failed', 'cancelled')) do done = done + (tonumber(count) or 0) end
  return done
end
-- It goes on after it stood still.
local function restart_rate(key, now_ms)
  write('HSET', key, 'rate_at', int(now_ms), 'rate_done', done_of(key))
end
local function note_rate(key, now_ms)
  local bulk, done = read('HMGET', key, 'rate_at', 'rate_done', 'started'), done_of(key)
  local at = tonumber(bulk[1]) or tonumber(bulk[3])
  if not at or now_ms - at < RATE_EVERY_MS then return end
  write('HSET', key, 'rate_at', int(now_ms), 'rate_done', done, 'rate', string.format('%.3f', 1000 * (done - (tonumber(bulk[2]) or 0)) / (now_ms - at)))
end

-- Somebody else rotates keys of an org. Where that is many in a short time, its bulk rotations stop: two
-- deployments on one org fight.
local DRIFT_WINDOW_MS, DRIFT_STORM = 600000, 50
local function halt_bulks_of(org, why, now_ms)
  org = org_name(org)
  for _, id in ipairs(read('ZRANGE', PREFIX .. ':bulks:active', 0, -1)) do
    local bulk = read('HMGET', bulk_key(id), 'state', 'org')
    if bulk[1] == 'RUNNING' and bulk[2] and org_name(bulk[2]) == org then stop_bulk(id, 'HALTED', why, now_ms) end
  end
end
local function note_drift(org, now_ms)
  local facts = PREFIX .. ':ledger'
  org = org_name(org)
  local since = tonumber(read('HGET', facts, 'drift_at:' .. org))
  if not since or math.abs(now_ms - since) > DRIFT_WINDOW_MS then
    write('HSET', facts, 'drift_at:' .. org, int(now_ms), 'drift:' .. org, 0)
  end
  if write('HINCRBY', facts, 'drift:' .. org, 1) > DRIFT_STORM then halt_bulks_of(org, 'DRIFT_STORM', now_ms) end
end

-- Assistants that were begun have come to a good end: those at these indexes. Without any: the key of one is
-- published, whose landing window is still open. Both say that upstream is there. `entry`: of the stream, of
-- the last one.
local function end_well(bulk, indexes, now_ms, entry)
  local key = bulk_key(bulk)
  local before = read('HMGET', key, 'state', 'away_since', 'unread', 'succeeded', 'open')
  if not before[1] then return end
  for _, index in ipairs(indexes) do write('SETRANGE', key .. ':states', index, 's') end
  local left_open = (tonumber(before[5]) or 0) - #indexes
  local facts = { 'succeeded', int((tonumber(before[4]) or 0) + #indexes), 'open', int(left_open) }
  if entry then facts[5], facts[6] = 'entry', entry end
  write('HSET', key, unpack(facts))
  if before[2] or before[3] then write('HDEL', key, 'away_since', 'unread') end
  if left_open <= 0 then settle_bulk(bulk, now_ms) end
end

-- Set to a list by a command that ends many: those of bulks that came to a good end are left in it, for the
-- command to have their bulks told together.
local gathered

-- An assistant that was begun, or need not be, has come to its end.
local function end_item(bulk, index, letter, now_ms, open, code, assistant, entry)
  if letter == 's' then
    if not gathered then return end_well(bulk, { index }, now_ms, entry) end
    gathered[#gathered + 1] = { bulk = bulk, index = index, entry = entry }
    return
  end
  local key = bulk_key(bulk)
  if read('EXISTS', key) == 0 then return end
  write('SETRANGE', key .. ':states', index, letter)
  write('HINCRBY', key, string.match(COUNTED_AS, letter .. '=(%l+)') or 'failed', 1)
  if open then write('HINCRBY', key, 'open', -1) end
  if code then
    write('LPUSH', key .. ':failures', int(now_ms) .. ' ' .. code .. ' ' .. assistant)
    write('LTRIM', key .. ':failures', 0, 9)
  end
  settle_bulk(bulk, now_ms)
end

-- The outcome of a bulk's rotation is known again. `counted` is what note_unknown_item has noted. What was
-- forgiven as lost and turns out not to be a failure leaves no room for another one.
local function no_longer_unknown(id, bulk, counted, fails)
  write('HDEL', rotation_key(id), 'counted')
  if read('EXISTS', bulk_key(bulk)) == 0 then return end
  write('HINCRBY', bulk_key(bulk), 'unknown', -1)
  if counted ~= 'lost' then return end
  local lost = write('HINCRBY', bulk_key(bulk), 'lost', -1)
  local seen = read('HMGET', bulk_key(bulk), 'failed', 'forgiven')
  local left = (tonumber(seen[1]) or 0) + lost
  if not fails and (tonumber(seen[2]) or 0) > left then write('HSET', bulk_key(bulk), 'forgiven', int(left)) end
end

-- The outcome of a bulk's rotation is unknown. Where its worker is gone, that says nothing of upstream, and
-- nothing against going on; where the answer was lost, it counts as a failure may. Where it cannot be read
-- back either, so often in a row without a success, the bulk halts.
local UNREAD_IN_A_ROW = 10
local function note_unknown_item(id, bulk, is_new, is_gone, read_error, now_ms)
  local key = bulk_key(bulk)
  if read('EXISTS', key) == 0 then return end
  if is_new then
    write('HSET', rotation_key(id), 'counted', is_gone and 'gone' or 'lost')
    write('HINCRBY', key, 'unknown', 1)
    if not is_gone then
      write('HINCRBY', key, 'lost', 1)
      settle_bulk(bulk, now_ms)
    end
  end
  -- It could be read; or no read has left, for want of a request.
  if read_error == '' or read_error == 'NO_SECRET_KEY' or read_error == 'STALE_READ' then
    if not is_new then write('HDEL', key, 'unread') end
    return
  end
  if read_error == 'UPSTREAM_RATE_LIMITED' then return end
  if write('HINCRBY', key, 'unread', 1) >= UNREAD_IN_A_ROW and read('HGET', key, 'state') == 'RUNNING' then
    stop_bulk(bulk, 'HALTED', 'READS_FAIL', now_ms)
  end
end

-- Ends a rotation, once, and tells who waits for it; not of a bulk's, of which thousands end a second and
-- hardly anybody waits for one. The index has those that go on under `open`, the others under their end
-- state; one that is not open has ended already, or is not there. Of a bulk, one that succeeded at its first
-- request is not kept: the bulk has its state.
local function finish(id, to, now_ms, ...)
  if write('ZREM', PREFIX .. ':rotations:open', id) == 0 then return end
  local key = rotation_key(id)
  local of = read('HMGET', key, 'bulk', 'item', 'counted', 'attempts', 'since', 'assistant')
  -- Of one that cannot be read nobody knows what it is a part of.
  if not of[6] then return publish('rotation-ended', id) end
  if of[1] then
    if of[3] then no_longer_unknown(id, of[1], of[3], to == 'FAILED') end
    local fields, code, entry = { ... }, nil, nil
    for i = 1, #fields, 2 do
      if fields[i] == 'error' and fields[i + 1] ~= '' then code = fields[i + 1] end
      if fields[i] == 'entry' then entry = fields[i + 1] end
    end
    local letter = to == 'SUCCEEDED' and 's' or to == 'CANCELLED' and 'x' or letter_of_failure(code)
    end_item(of[1], of[2], letter, now_ms, true, to == 'FAILED' and (code or 'INTERNAL') or nil, of[6], entry)
  end
  if of[1] and to == 'SUCCEEDED' and of[4] == '1' and not of[5] then
    write('DEL', key)
  else
    move(id, to, now_ms, 'ended', now_ms, ...)
    write('ZADD', PREFIX .. ':rotations:' .. to, 0, id)
  end
  if not of[1] then publish('rotation-ended', id) end
end

-- ---- the request budget ----

-- After idle time so many may leave at once; beyond that, one each step.
local TOLERANCE_STEPS = 2
-- A pace that was slowed down is whole again after so long at the most.
local RECOVERY_US = 60000000
-- Those who may wait for a slot of their own get none farther ahead.
local HORIZON_US = 10000000
-- One request in so many is the sweep's by right.
local SWEEP_STEPS = 50
-- Of a budget that upstream closed for more than a minute, one request leaves after each such time, to see
-- whether it is still closed. Whoever waits asks once a minute.
local PROBE_US, PROBED_BEYOND_MS = 55000000, 60000

-- Takes a slot of the budget: GCRA, with next to no burst. `step` is the pause between two requests in µs, 0
-- for no limit. `first` (single rotations, reading back) and, within its share, `sweep` are given the next
-- slot to come where none is free, before all who only ask again: that is their priority. `bulk` gets what is
-- free; `sweep` beyond its share what nobody has wanted. `paid`: theirs was given before and has been waited
-- for; it counts, unless the budget was closed meanwhile.
-- Returns whether there is one now, the µs to wait, and whether it is theirs then.
local function take_slot(key, now, step, lane, paid)
  if step == 0 then return true, 0, false end
  local budget = read('HMGET', key, 'next', 'closed_until', 'pace', 'pace_at', 'sweep_next', 'closed_at', 'probe_at')
  -- Where the clock has been turned back since, nobody can say how long it is to be closed, and for how long
  -- the pace was slow.
  local closed = (tonumber(budget[6]) or 0) > now + RECOVERY_US and 0 or 1000 * left(tonumber(budget[2]) or 0, math.floor(now / 1000), 3600000)
  if paid and closed == 0 then return true, 0, false end
  if closed > 0 and budget[7] and tonumber(budget[7]) <= now then
    write('HSET', key, 'probe_at', int(now + PROBE_US), 'next', int(math.max(tonumber(budget[1]) or 0, now) + step))
    return true, 0, false
  end
  local pace, pace_age = tonumber(budget[3]) or 1, now - (tonumber(budget[4]) or 0)
  if pace < 1 and pace_age >= 0 then step = step / math.min(pace + pace_age / RECOVERY_US, 1) end
  local next_slot = tonumber(budget[1]) or 0
  -- Set under a clock that has been turned back since.
  if next_slot > now + closed + 2 * HORIZON_US + SWEEP_STEPS * step then next_slot = now end
  local idle = next_slot < now - step
  next_slot = math.max(next_slot, closed > 0 and now + closed or now - TOLERANCE_STEPS * step)

  local reserves = lane == 'first'
  local sweep_next
  if lane == 'sweep' then
    local own = tonumber(budget[5]) or 0
    if own <= now or own > now + 2 * SWEEP_STEPS * step + RECOVERY_US then
      reserves, sweep_next = true, now + SWEEP_STEPS * step
    elseif not idle then
      return false, math.max(step, math.min(own - now, 1000000)), false
    end
  end

  local wait = math.max(next_slot - now, 0)
  if wait > 0 and (not reserves or wait > HORIZON_US) then return false, wait, false end
  write('HSET', key, 'next', int(next_slot + step))
  if sweep_next then write('HSET', key, 'sweep_next', int(sweep_next)) end
  return wait == 0, wait, wait > 0
end

-- The next number for an assistant: rises also over a Redis that lost its last seconds, for the clock goes
-- on.
local function draw(now, epoch, version)
  return math.max(now, (tonumber(epoch) or 0) + 1, (tonumber(version) or 0) + 1)
end

-- An assistant's id as it stands in its key: percent-encoded.
local function name_of(assistant_key)
  return string.sub(assistant_key, #PREFIX + #':assistant:' + 1)
end

-- Takes a holder off an assistant. When its intent began stays.
local function let_go(assistant_key)
  write('HDEL', assistant_key, 'holder', 'lease', 'lands', 'intent_epoch', 'satisfied')
end

-- Whether the record of an assistant is known to be too long to be read: its key could not be read back after
-- a POST.
local function is_too_large(assistant)
  return read('HEXISTS', PREFIX .. ':too-large', assistant) == 1
end

-- Hands the assistant back, its intent closed.
local function hand_back(assistant_key, intents)
  let_go(assistant_key)
  write('ZREM', own_intents(intents), name_of(assistant_key))
end

-- An assistant that has no key version, no claim and nothing queued leaves nothing behind: ids that do not
-- exist upstream must not fill the memory. Its epoch may go, since the next one is drawn from the clock.
local function forget_if_never_published(assistant_key)
  local fields = read('HKEYS', assistant_key)
  for _, field in ipairs(fields) do
    if field ~= 'epoch' and field ~= 'intent' then return end
  end
  if #fields > 0 then write('DEL', assistant_key) end
end

-- What is known of a deleted assistant is kept for consumers to see, and then forgotten; not while a rotation
-- holds it.
local function expire_if_deleted(assistant_key)
  local held = read('HMGET', assistant_key, 'fingerprint', 'holder')
  if held[1] == 'deleted' and not held[2] then write('EXPIRE', assistant_key, 30 * 86400) end
end

-- An id as it was before it was percent-encoded.
local function decoded(name)
  return (string.gsub(name, '%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end))
end

-- Has an assistant read and compared, at the latest at a moment. Never later than it was to be read anyway.
local function request_check(org, assistant, at_ms)
  write('ZADD', PREFIX .. ':checks', 'LT', int(at_ms), org_name(org) .. '/' .. assistant)
end

-- The same, but not before that moment: an earlier check does not stand for it. `mark` tells it from all
-- others of the assistant.
local function request_later_check(org, assistant, at_ms, mark)
  write('ZADD', PREFIX .. ':checks', int(at_ms), org_name(org) .. '/' .. assistant .. '/' .. mark)
end

-- How many intents of an org are open. Where they are as many as may be, those are taken out whose assistant
-- was taken out of the ledger by hand: they would count for ever.
local function open_intents(key, bound, now_ms)
  key = own_intents(key)
  local open = read('ZCARD', key)
  if open < bound then return open end
  for _, name in ipairs(read('ZRANGEBYSCORE', key, '-inf', int(now_ms), 'LIMIT', 0, bound)) do
    if not redis.pcall('HGET', PREFIX .. ':assistant:' .. name, 'holder') then write('ZREM', key, name) end
  end
  return read('ZCARD', key)
end

-- Whether a holder is no rotation that can be read, so that nobody will ever hand the assistant back, and its
-- POST, if one ever left, can no longer take effect.
local function is_orphaned(holder, lands_ms, now_ms)
  local state = redis.pcall('HGET', rotation_key(holder), 'state')
  return (not state or type(state) == 'table') and lands_ms <= now_ms
end

-- Rises with each consumer that is added or removed.
local function readers_revision()
  return read('HGET', PREFIX .. ':ledger', 'readers') or '0'
end

-- Starts a new run of events. The number is Redis time in µs: unlike a counter it does not repeat when a
-- backup is restored twice.
local function begin_run(before)
  local run = int(now_us())
  if run == before then run = int(now_us() + 1) end
  write('HSET', PREFIX .. ':ledger', 'event_run', run)
  return run
end

-- What the next event needs, found well before anything is written: its number, its run and its stream.
local last_seq, event_run
local function prepare_event()
  local text = read('GET', PREFIX .. ':seq')
  last_seq = tonumber(text or 0)
  if not last_seq then error({ err = 'WRONGTYPE ' .. PREFIX .. ':seq holds no number' }) end
  read('XLEN', PREFIX .. ':events')
  event_run = read('HGET', PREFIX .. ':ledger', 'event_run')
end

-- The number of the run that events belong to now. A ledger without one, or with something else in its place,
-- starts a run.
local function current_run()
  if not (event_run and string.find(event_run, '^[1-9]%d*$') and tonumber(event_run) < 2 ^ 53) then event_run = begin_run(event_run) end
  return event_run
end

-- Puts an event on the stream and the channel: its text before and after the numbers `seq` and `run`. Returns
-- seq, text, and the id of its entry. A command that writes anything before it calls `prepare_event` before
-- that. Fails as Redis does: without its event nothing is published.
local function emit(head, tail, keep)
  if not last_seq then prepare_event() end
  local seq = int(last_seq + 1)
  local event = head .. seq .. ',"run":' .. current_run() .. tail
  local entry = redis.call('XADD', PREFIX .. ':events', 'MAXLEN', '~', keep, '*', 'event', event)
  wrote, last_seq = true, last_seq + 1
  write('SET', PREFIX .. ':seq', seq)
  publish('events', event)
  return seq, event, entry
end

-- The end of a fingerprint (KEYID:HASH): eleven characters of the hash tell a handful apart, and five of them
-- fit in a small hash.
local function short(fingerprint)
  return string.sub(fingerprint, -11)
end

-- Whether a state of a key is a fingerprint, and not `no-key` or `deleted`.
local function is_key(state)
  return state and string.find(state, ':', 1, true) ~= nil
end

-- Whether a key was superseded by another. While an assistant has no key, the first of the list is the one
-- that it lost: it may come back, as where an upstream could not find the assistant for a while.
local function was_superseded(state, current, superseded)
  return is_key(state) and string.find(superseded, short(state), is_key(current) and 1 or 13, true) ~= nil
end

-- ---- what reads say against what is published ----

-- As many reads have to agree, each later than the lag after the one before, until a superseded key is
-- believed to be in force again.
local READS_FOR_ROLLBACK = 3
-- Pauses between reads that disagree with what is published double as often as this, and no more.
local OBSERVED_READS = 8

-- Reads agree again with what is published, or something else is published.
local function forget_observation(assistant_key, assistant)
  write('HDEL', assistant_key, 'seen', 'seen_since', 'seen_last', 'seen_count', 'seen_reads')
  write('HDEL', PREFIX .. ':stale', assistant)
end

-- ---- how much of an org may change before an operator decides ----

-- Changes within this time count together. That few are always allowed, though never all of several.
local CHANGES_WINDOW_MS, CHANGES_ALLOWED = 600000, 3

-- How many assistants of an org were known when its last sweep ended; of an org without one, how many are
-- known now.
local function known_of(org)
  org = org_name(org)
  return tonumber(read('HGET', PREFIX .. ':known', org)) or read('ZCARD', PREFIX .. ':assistants:' .. encoded(org))
end

local function change_limit(org, percent)
  local known = known_of(org)
  local limit = math.max(CHANGES_ALLOWED, math.floor(known * percent / 100))
  return known > 1 and percent < 100 and math.min(limit, known - 1) or limit, known
end

local function changes_key(org)
  return PREFIX .. ':changes:' .. encoded(org_name(org))
end

-- One more assistant of an org is without its key, or has another one, and nobody asked for that. How many
-- are known is noted before any of them goes.
local function count_change(org, assistant, now_ms)
  write('HSETNX', PREFIX .. ':known', org, int(known_of(org)))
  write('ZADD', changes_key(org), int(now_ms), assistant)
  write('ZREMRANGEBYSCORE', changes_key(org), '-inf', int(now_ms - CHANGES_WINDOW_MS))
end

local function changes_of(org)
  return read('ZCARD', changes_key(org))
end

-- Why an org is held; nil if it is not. An entry that cannot be read holds too: an operator has to look.
local function hold_of(org)
  local text = read('HGET', PREFIX .. ':held', org_name(org))
  if not text then return nil end
  local whole, hold = pcall(cjson.decode, text)
  return whole and type(hold) == 'table' and type(hold.code) == 'string' and hold.code or 'KEYS_NOT_SHOWN'
end

-- Nothing of an org is published because of reads alone, but what confirms what is published, until reads
-- agree with it again or an operator accepts them.
-- Its bulk rotations halt: no more keys are replaced in an org that nobody can be sure of, unless an operator
-- resumes them.
local function hold_org(org, code, affected, known, now_ms)
  org = org_name(org)
  if read('HEXISTS', PREFIX .. ':held', org) == 0 then halt_bulks_of(org, code, now_ms) end
  write('HSET', PREFIX .. ':held', org, cjson.encode({ since = math.floor(now_ms), code = code, affected = affected, known = known }))
end

-- What is known of an org can be read: asked before anything is written, for it decides what may be
-- published.
local function prove_org(org)
  for _, key in ipairs({ PREFIX .. ':assistants:' .. encoded(org_name(org)), changes_key(org) }) do read('ZCARD', key) end
  for _, name in ipairs({ ':held', ':accepted', ':known', ':answers', ':adopted:' .. encoded(org_name(org)) }) do read('HLEN', PREFIX .. name) end
end

-- Whether an operator has accepted what reads say of an org, a short time ago.
local function is_accepted(org, now_ms)
  local until_ms = tonumber(read('HGET', PREFIX .. ':accepted', org_name(org)))
  return until_ms ~= nil and left(until_ms, now_ms, 3600000) > 0
end

-- Keys that were found changed lately, each with its assistant: Invent makes no key twice, so one that
-- several have is no key.
local function adopted_key(org)
  return PREFIX .. ':adopted:' .. encoded(org_name(org))
end
local function is_adopted_elsewhere(org, fingerprint, assistant)
  local other = read('HGET', adopted_key(org), short(fingerprint))
  if not other or other == assistant then return false end
  request_check(org, other, math.floor(now_us() / 1000))
  return true
end
local ADOPTED_KEPT = 10000
local function note_adopted(org, fingerprint, assistant)
  if read('HLEN', adopted_key(org)) >= ADOPTED_KEPT then write('DEL', adopted_key(org)) end
  write('HSET', adopted_key(org), short(fingerprint), assistant)
  write('EXPIRE', adopted_key(org), 3600)
end

-- Whether an answer to a POST of this org is of before: if the last answer had the same key for another
-- assistant; or if its record was last changed before the POST (`noted` is 'before'), and Invent is known to
-- note the change that a POST makes ('since'). Its clocks may go apart later: after five of these in a row
-- nothing is known any more. The last answer is kept as `TRUST KEY ASSISTANT`; TRUST is 0 if nothing is
-- known, else how many were of before, and 1.
local ANSWERS_OF_BEFORE = 5
local function last_answer(org)
  local trust, print, other = string.match(read('HGET', PREFIX .. ':answers', org) or '', '^(%d) (%S+) (.*)$')
  return tonumber(trust) or 0, print, other
end
local function is_trusted(trust)
  return trust > 0 and trust <= ANSWERS_OF_BEFORE
end
local function notes_changes(org)
  return is_trusted((last_answer(org)))
end
local function note_answer(org, text)
  if text then write('HSET', PREFIX .. ':answers', org, text) end
end
-- Returns whether it is, and what is to be kept of it.
local function judge_answer(org, fingerprint, assistant, noted)
  local trust, print, other = last_answer(org)
  if print == short(fingerprint) and other ~= assistant then
    request_check(org, other, math.floor(now_us() / 1000))
    return true, nil
  end
  local is_before = noted == 'before' and is_trusted(trust)
  if is_before then
    trust = trust + 1
  else
    -- An answer that does not tell says nothing of Invent's clocks.
    trust, print, other = noted == 'since' and 1 or noted == '' and trust or 0, short(fingerprint), assistant
  end
  return is_before, trust .. ' ' .. (print or '-') .. ' ' .. (other or '')
end
