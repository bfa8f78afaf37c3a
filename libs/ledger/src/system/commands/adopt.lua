#!lua flags=allow-oom
-- Accepts a ledger in the place of the one that vanished: requests may leave again.
--
-- KEYS  1 the ledger's own facts
-- ARGV  1 prefix  2 the id of the ledger that the operator has looked at
-- Returns {'ADOPTED'}
--         {'NOT_LOST'}   it is not lost, or was adopted before
--         {'CHANGED'}    it is another ledger by now
-- Keeps: only the ledger that was looked at is adopted.

local facts = read('HMGET', KEYS[1], 'id', 'lost')
if not facts[2] then return { 'NOT_LOST' } end
if facts[1] ~= ARGV[2] then return { 'CHANGED' } end
write('HDEL', KEYS[1], 'lost', 'before')
write('HSET', KEYS[1], 'adopted', facts[1])
return { 'ADOPTED' }
