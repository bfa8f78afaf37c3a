-- Removes an entry from the QUEUED sweeps if its sweep is not QUEUED any more, or never was.
--
-- Keeps: an entry that another sweep of the same scope has taken meanwhile.
--
-- @key queued: the QUEUED sweeps, by scope
-- @arg scope text?: an org, or empty for all
-- @arg id text: the sweep that was found there
-- @reply DONE
-- @include scripts/call

local state = redis.pcall('HGET', PREFIX .. ':sweep:' .. id, 'state')
if read('HGET', queued, scope) == id and state ~= 'QUEUED' then write('HDEL', queued, scope) end
return reply.DONE
