#!lua flags=allow-oom
-- Returns an assistant to its bulk: its first request certainly did nothing, and the bulk retries it later.
--
-- Keeps: an assistant that was not rotated is not counted as failed, and not forgotten.
--
-- @key rotation
-- @key assistant
-- @key intents: the open intents of the org
-- @arg id text
-- @arg epoch digits
-- @arg code text
-- @arg halts flag: no other assistant of the org fares better until an operator acts
-- @arg retry_for_ms number: how long upstream may be away before the bulk halts
-- @reply RETURNED
-- @reply REFUSED: another holds the claim, or it has no bulk: nothing was written
-- @include bulks/bulk
-- @include bulks/outcome-known
-- @include bulks/settle
-- @include bulks/stop
-- @include rotations/close-intent
-- @include rotations/expire
-- @include rotations/forget
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local holder, held_epoch = fields(assistant, { held_epoch = 'epoch' })
local bulk, item, counted = fields(rotation)
local index = tonumber(item)
if holder ~= id or held_epoch ~= epoch or not bulk or not index then return reply.REFUSED end

local now_ms = math.floor(now_us() / 1000)
local key = bulk_key(bulk)
close_intent(assistant, intents)
forget_if_never_published(assistant)
expire_if_deleted(assistant)
if counted then note_outcome_known(id, bulk, counted) end
write('ZREM', PREFIX .. ':rotations:open', id)
write('DEL', rotation)
if read('EXISTS', key) == 0 then return reply.RETURNED end

write('SETRANGE', key .. ':states', item, '.')
-- The worker that has drawn it returns it at the end of the draw. Returned twice, draws would grow in number
-- with each retry.
local is_drawn = false
for _, span in ipairs(read('HKEYS', key .. ':draws')) do
  local from, to = string.match(span, '^(%d+):(%d+)$')
  is_drawn = is_drawn or (from and tonumber(from) <= index and index < tonumber(to))
end
if not is_drawn then write('RPUSH', key .. ':redo', item .. ':' .. int(index + 1)) end
write('HINCRBY', key, 'open', -1)
write('HSETNX', key, 'away_since', int(now_ms))
local away_ms = now_ms - (tonumber(read('HGET', key, 'away_since')) or now_ms)
if read('HGET', key, 'state') == 'RUNNING' and (halts or away_ms > retry_for_ms) then
  write('HDEL', key, 'away_since')
  stop_bulk(bulk, 'HALTED', code, now_ms)
end
settle_bulk(bulk, now_ms)
return reply.RETURNED
