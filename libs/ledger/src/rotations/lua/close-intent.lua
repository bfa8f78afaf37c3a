-- Closes the intent of an assistant and takes its holder off.
--
-- @include rotations/assistant-name
-- @include rotations/own-intents
-- @include rotations/release-holder
-- @include scripts/call

local function close_intent(assistant, intents)
  release_holder(assistant)
  write('ZREM', own_intents(intents), name_of(assistant))
  write('ZREM', PREFIX .. ':intents', name_of(assistant))
end
