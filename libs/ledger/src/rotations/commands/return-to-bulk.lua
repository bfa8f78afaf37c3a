#!lua flags=allow-oom
-- Gives an assistant of a bulk back to those that wait: its first request certainly did nothing, and the bulk
-- tries it again later.
--
-- KEYS  1 the rotation   2 its assistant   3 the open intents of the org
-- ARGV  1 prefix  2 rotation id  3 epoch  4 error code  5 '1' where no other assistant of the org fares better until somebody acts
--       6 ms that upstream may be away before the bulk halts
-- Returns {'GIVEN'} or {'REFUSED'} (the claim is another's, or it is of no bulk: nothing was written)
-- Keeps: an assistant that was not rotated is not counted as failed, and not forgotten.

local id, epoch, code = ARGV[2], ARGV[3], ARGV[4]

local held = read('HMGET', KEYS[2], 'holder', 'epoch')
local of = read('HMGET', KEYS[1], 'bulk', 'item', 'counted')
local item = tonumber(of[2])
if held[1] ~= id or held[2] ~= epoch or not of[1] or not item then return { 'REFUSED' } end

local now_ms = math.floor(now_us() / 1000)
local key = bulk_key(of[1])
hand_back(KEYS[2], KEYS[3])
forget_if_never_published(KEYS[2])
expire_if_deleted(KEYS[2])
if of[3] then no_longer_unknown(id, of[1], of[3]) end
write('ZREM', PREFIX .. ':rotations:open', id)
write('DEL', KEYS[1])
if read('EXISTS', key) == 0 then return { 'GIVEN' } end

write('SETRANGE', key .. ':states', of[2], '.')
-- Whoever has it drawn puts it back at the end of the draw: twice, and they would grow in number with each
-- try.
local is_drawn = false
for _, span in ipairs(read('HKEYS', key .. ':draws')) do
  local from, to = string.match(span, '^(%d+):(%d+)$')
  is_drawn = is_drawn or (tonumber(from) <= item and item < tonumber(to))
end
if not is_drawn then write('RPUSH', key .. ':redo', of[2] .. ':' .. int(item + 1)) end
write('HINCRBY', key, 'open', -1)
write('HSETNX', key, 'away_since', int(now_ms))
local away_ms = now_ms - (tonumber(read('HGET', key, 'away_since')) or now_ms)
if read('HGET', key, 'state') == 'RUNNING' and (ARGV[5] == '1' or away_ms > tonumber(ARGV[6])) then
  write('HDEL', key, 'away_since')
  stop_bulk(of[1], 'HALTED', code, now_ms)
end
settle_bulk(of[1], now_ms)
return { 'GIVEN' }
