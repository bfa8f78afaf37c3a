-- Reads a stream of acknowledgements from its newest entry towards older ones, without what is too long to be
-- an acknowledgement.
--
-- Keeps: what another client has written there costs the reader a bounded number of bytes.
--
-- The stream is no key of the script: a user who may only read it may then call this.
--
-- @arg stream text: the end of its key: '' or ':CONSUMER'
-- @arg after text: the id of the entry up to which it was read before
-- @arg before text: read what is older than this id; `+` for everything
-- @arg count number: how many entries to look at
-- @arg chars number: stop once the texts have as many bytes
-- @arg longest number: the bytes of the longest acknowledgement
-- @reply READ now_ms number, newest text?, oldest text?, unfit number, entries text...: the time of Redis;
--   the ids of the first and the last entry that were looked at, of which the last is absent if none remain
--   after it; how many entries were left out; and the id, the text and the proof, or '', of each other one
-- @include scripts/call
-- @include time/redis-time

local PROOF_BYTES = 128
local from, newest, oldest, unfit, length = before, '', '', 0, 0
if from ~= '+' then from = '(' .. from end
local entries = {}
for looked = 1, count do
  local entry = read('XREVRANGE', PREFIX .. ':acks' .. stream, from, '(' .. after, 'COUNT', 1)[1]
  oldest = entry and entry[1] or ''
  if not entry then break end
  if newest == '' then newest = oldest end
  from = '(' .. oldest
  local fields = entry[2]
  local ack, proof = fields[2], fields[4] or ''
  if fields[1] == 'ack' and #ack <= longest and #fields <= 4 and
    (proof == '' or fields[3] == 'proof' and #proof <= PROOF_BYTES) then
    local last = #entries
    entries[last + 1], entries[last + 2], entries[last + 3] = oldest, ack, proof
    length = length + #ack
  else
    unfit = unfit + 1
  end
  if length >= chars then break end
end
local now_ms = math.floor(redis_us() / 1000)
return reply.READ { now_ms = now_ms, newest = newest, oldest = oldest, unfit = unfit, entries = entries }
