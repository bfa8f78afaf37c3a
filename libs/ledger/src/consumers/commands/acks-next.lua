-- Finds the next entry of the stream of acknowledgements, without what is in it: for one that is too long to
-- be read.
--
-- @key acks: the stream
-- @arg after text: the id of an entry
-- @reply FOUND id text?: absent if there is none
-- @include scripts/call

local next_entry = read('XRANGE', acks, '(' .. after, '+', 'COUNT', 1)[1]
return reply.FOUND { id = next_entry and next_entry[1] }
