-- Adds, changes or removes a consumer, if it still is as the caller has seen it.
--
-- Keeps: no write overwrites another; an event that was sealed for other recipients is refused from now on.
--
-- @key consumers
-- @key ledger: the ledger's own facts
-- @arg name text
-- @arg seen text?: the entry as it was seen; absent if there was none
-- @arg entry text?: the entry from now on; absent to remove it
-- @arg reseals flag: records are sealed for other recipients from now on
-- @arg head text?: the event before its numbers `seq` and `run`; absent for no event
-- @arg tail text?: the event after them
-- @arg keep digits: the length of the stream
-- @arg limit number: how many consumers there may be
-- @reply WRITTEN
-- @reply CHANGED: it is not as it was seen: nothing was written
-- @reply FULL: the limit is reached: nothing was written
-- @include consumers/recipients-revision
-- @include scripts/call
-- @include scripts/event

if (read('HGET', consumers, name) or '') ~= seen then return reply.CHANGED end
if seen == '' and entry ~= '' and read('HLEN', consumers) >= limit then return reply.FULL end
local numbers = {}
if head ~= '' then prepare_event(numbers) end
if entry == '' then
  write('HDEL', consumers, name)
else
  write('HSET', consumers, name, entry)
end
write('HINCRBY', ledger, 'consumers', 1)
if reseals then raise_recipients_revision() end
if head ~= '' then emit(numbers, head, tail, keep) end
return reply.WRITTEN
