-- Whether the record of an assistant is known to be too long to be read: after a POST its key could not be
-- read back.
--
-- @include scripts/call

local function is_too_large(assistant_id)
  return read('HEXISTS', PREFIX .. ':too-large', assistant_id) == 1
end
