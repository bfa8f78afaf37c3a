-- Ends one assistant of a bulk: one that was begun (`was_open`), or one that need not be.
--
-- @include bulks/bulk
-- @include bulks/count-succeeded
-- @include bulks/settle
-- @include scripts/call
-- @include scripts/number

-- The letter of each failure, as `failureLetters` in libs/schema; Z (INTERNAL) stands for all others. These
-- are texts, because a command makes its tables anew for each call.
local FAILURE_LETTERS = ' ASSISTANT_NOT_FOUND=A ASSISTANT_DELETED=B NO_SECRET_KEY=C UPSTREAM_REJECTED=D'
  .. ' UPSTREAM_UNAUTHENTICATED=E UPSTREAM_FORBIDDEN=F ORG_NOT_CONFIGURED=G UPSTREAM_UNREACHABLE=H'
  .. ' LEDGER_CORRUPT=I REPLICAS_MISSING=J SENT_TOO_LATE=K INVALID_ARGUMENT=L UPSTREAM_UNEXPECTED=M'
  .. ' ANSWER_UNREADABLE=N RECORD_TOO_LARGE=O'
local COUNTED_AS = 's=succeeded m=shared x=cancelled'

local function letter_of(code)
  return code and string.match(FAILURE_LETTERS, ' ' .. code .. '=(%u)') or 'Z'
end

local function end_item(bulk, index, letter, now_ms, was_open, code, assistant_id)
  if letter == 's' then return count_succeeded(bulk, { index }, now_ms) end
  local key = bulk_key(bulk)
  if read('EXISTS', key) == 0 then return end
  write('SETRANGE', key .. ':states', index, letter)
  write('HINCRBY', key, string.match(COUNTED_AS, letter .. '=(%l+)') or 'failed', 1)
  if was_open then write('HINCRBY', key, 'open', -1) end
  if code then
    write('LPUSH', key .. ':failures', int(now_ms) .. ' ' .. code .. ' ' .. assistant_id)
    write('LTRIM', key .. ':failures', 0, 9)
  end
  settle_bulk(bulk, now_ms)
end
