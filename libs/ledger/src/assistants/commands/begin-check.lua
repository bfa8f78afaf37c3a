-- Begins a check of an assistant: draws the number under which what is read may be committed, as long as
-- nothing else happens to it.
-- Holds nothing: a rotation may claim it at any time, and what was read is then refused.
--
-- KEYS  1 the assistant
-- ARGV  1 prefix
-- Returns {'LOOK', epoch, now ms, key state or '', version or '', '1' where consumers were told that it is uncertain,
--          the org id that it was last published under, percent-encoded, or '', '1' where its record was too long to be read}
--         {'HELD', ms to wait}     a rotation holds it, and finds out itself what is in force; or the clock of Redis is out of step

local held = read('HMGET', KEYS[1], 'holder', 'lease', 'epoch', 'version', 'fingerprint', 'uncertain', 'lands', 'org')
local now, is_out_of_step = now_us()
if is_out_of_step then return { 'HELD', '1000' } end
local now_ms = math.floor(now / 1000)
if held[1] then
  local lease = tonumber(held[2]) or 0
  if lease > now_ms or not is_orphaned(held[1], tonumber(held[7]) or 0, now_ms) then
    if lease > now_ms then return { 'HELD', int(math.min(math.max(lease - now_ms, 1000), 10000)) } end
    -- Its outcome is unknown: nothing changes before its rotation reads it again.
    local next_read = tonumber(redis.pcall('HGET', rotation_key(held[1]), 'next')) or 0
    return { 'HELD', int(math.min(math.max(next_read - now_ms, 1000), 30000)) }
  end
  let_go(KEYS[1])
end
local epoch = int(draw(now, held[3], held[4]))
write('HSET', KEYS[1], 'epoch', epoch)
return { 'LOOK', epoch, int(now_ms), held[5] or '', held[4] or '', held[6] and '1' or '', held[8] or '', is_too_large(decoded(name_of(KEYS[1]))) and '1' or '' }
