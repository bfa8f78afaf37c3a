-- Takes the holder off an assistant. The time of its intent stays.
--
-- @include scripts/call

local function release_holder(assistant)
  write('HDEL', assistant, 'holder', 'lease', 'lands', 'intent_epoch', 'satisfied')
end
