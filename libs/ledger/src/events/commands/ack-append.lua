-- Adds an acknowledgement to a stream of acknowledgements, unless another Redis answers than the one that it
-- is about: its position would be one in another stream.
--
-- @key acks: the stream
-- @arg run_id text?: the id of the Redis process that it is about; absent if its sender does not know it
-- @arg keep digits: about how many entries the stream keeps
-- @arg ack text
-- @arg proof text?
-- @reply ADDED
-- @reply OTHER_REDIS: nothing was written
-- @include scripts/call

if run_id ~= '' and string.match(redis.call('INFO', 'server'), '\nrun_id:(%w+)') ~= run_id then
  return reply.OTHER_REDIS
end
local entry = { 'ack', ack }
if proof ~= '' then entry[3], entry[4] = 'proof', proof end
write('XADD', acks, 'MAXLEN', '~', keep, '*', unpack(entry))
return reply.ADDED
