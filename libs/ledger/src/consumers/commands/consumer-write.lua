-- Adds, changes or removes a consumer, if it still is as whoever writes has seen it.
--
-- KEYS  1 the consumers   2 the ledger's own facts
-- ARGV  1 prefix  2 name  3 its entry as it was seen, '' where there was none  4 its entry from now on, '' to remove it
--       5 '1' where records are to be sealed for others than before  6 event text before its numbers (`seq`, `run`), '' for no event  7 event text after it
--       8 length to keep the stream at  9 how many consumers there may be
-- Returns {'WRITTEN'}
--         {'CHANGED'}   it is not as it was seen: nothing was written
--         {'FULL'}      there are as many as may be: nothing was written
-- Keeps: no write is lost to another; whoever seals for readers that have changed since is refused from now
-- on.

local name, seen, entry = ARGV[2], ARGV[3], ARGV[4]

if (read('HGET', KEYS[1], name) or '') ~= seen then return { 'CHANGED' } end
if seen == '' and entry ~= '' and read('HLEN', KEYS[1]) >= tonumber(ARGV[9]) then return { 'FULL' } end
if ARGV[6] ~= '' then prepare_event() end
if entry == '' then
  write('HDEL', KEYS[1], name)
else
  write('HSET', KEYS[1], name, entry)
end
write('HINCRBY', KEYS[2], 'consumers', 1)
if ARGV[5] == '1' then write('HINCRBY', KEYS[2], 'readers', 1) end
if ARGV[6] ~= '' then emit(ARGV[6], ARGV[7], ARGV[8]) end
return { 'WRITTEN' }
