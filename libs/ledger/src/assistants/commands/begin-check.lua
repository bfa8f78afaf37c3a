-- Begins a check of an assistant: draws the epoch under which a read may be committed, unless something else
-- happens to the assistant meanwhile. A check holds nothing: a rotation may claim the assistant at any time,
-- and the read is then refused.
--
-- @key assistant
-- @reply BEGUN epoch number, now_ms number, key_state text?, version number?, uncertain flag, org text?,
--   too_large flag:
--   `uncertain`: consumers were told so. `org`: the org id that it was last published under, percent-encoded.
--   `too_large`: its record was too long to be read
-- @reply HELD wait_ms number: a rotation holds it, and reads it itself; or the clock of Redis is out of step
-- @include rotations/assistant-name
-- @include rotations/epoch
-- @include rotations/orphan
-- @include rotations/release-holder
-- @include rotations/rotation
-- @include rotations/too-large
-- @include scripts/call
-- @include scripts/decoded
-- @include scripts/number
-- @include time/now

local holder, lease, held_epoch, version, fingerprint, uncertain, lands, org =
  fields(assistant, { held_epoch = 'epoch' })
if is_beyond(held_epoch) or is_beyond(version) then return redis.error_reply(BEYOND) end
local now, is_out_of_step = now_us()
if is_out_of_step then return reply.HELD { wait_ms = '1000' } end
local now_ms = math.floor(now / 1000)
if holder then
  local lease_ms = tonumber(lease) or 0
  if lease_ms > now_ms and lease_ms - now_ms < LANDED_WITHIN_MS then
    return reply.HELD { wait_ms = int(math.min(math.max(lease_ms - now_ms, 1000), 10000)) }
  end
  if not is_orphaned(holder, tonumber(lands) or 0, now_ms) then
    -- Its outcome is unknown: nothing changes before its rotation reads it again.
    local next_read = tonumber(redis.pcall('HGET', rotation_key(holder), 'next')) or 0
    return reply.HELD { wait_ms = int(math.min(math.max(next_read - now_ms, 1000), 30000)) }
  end
  release_holder(assistant)
end
local epoch = int(next_epoch(now, held_epoch, version))
write('HSET', assistant, 'epoch', epoch)
return reply.BEGUN {
  epoch = epoch, now_ms = int(now_ms), key_state = fingerprint, version = version, uncertain = uncertain,
  org = org, too_large = is_too_large(decoded(name_of(assistant))),
}
