-- Publishes a message on a channel. A command completes without it: listeners can miss messages.

local function publish(channel, message)
  redis.pcall('PUBLISH', PREFIX .. ':' .. channel, message)
end
