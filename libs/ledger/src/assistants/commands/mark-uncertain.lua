#!lua flags=allow-oom
-- Tells consumers that it is not known whether the published key is in force: reads show an older one. A
-- check does that; a rotation has unknown.lua.
--
-- KEYS  1 the assistant
-- ARGV  1 prefix  2 epoch of the check  3 event text before the number `seq`  4 event text after it  5 length to keep the stream at
--       6 assistant id  7 at which revision of the consumers the event was sealed
-- Returns {'MARKED'}, {'KNOWN'} (consumers were told before, or nothing is published), {'REFUSED'} (something else happened to the assistant since the
-- check began: nothing was written) or {'READERS'} (consumers were added or removed since the event was
-- sealed: nothing was written)
-- Keeps: `key-uncertain` comes once before the next version, and stands in the hash of the uncertain.

local held = read('HMGET', KEYS[1], 'holder', 'epoch', 'version', 'uncertain')
if held[1] or held[2] ~= ARGV[2] then return { 'REFUSED' } end
if held[4] or not held[3] then return { 'KNOWN' } end
if readers_revision() ~= ARGV[7] then return { 'READERS' } end
local seq, event = emit(ARGV[3], ARGV[4], ARGV[5])
write('HSET', KEYS[1], 'uncertain', seq)
write('HSET', PREFIX .. ':uncertain', ARGV[6], event)
return { 'MARKED' }
