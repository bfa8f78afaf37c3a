-- Entries of a stream to which other clients may have written.
--
-- @include scripts/call

-- Redis rejects a range that begins after the last possible id, or before the first. Nothing is there.
local AFTER_LAST_ID, BEFORE_FIRST_ID = '(18446744073709551615-18446744073709551615', '(0-0'

-- The first entry from an id on, towards `to`; nil if there is none.
local function next_entry(stream, from, to)
  if from == AFTER_LAST_ID then return nil end
  return read('XRANGE', stream, from, to, 'COUNT', 1)[1]
end

-- The last entry from an id back, towards `to`; nil if there is none.
local function previous_entry(stream, from, to)
  if from == BEFORE_FIRST_ID then return nil end
  return read('XREVRANGE', stream, from, to, 'COUNT', 1)[1]
end
