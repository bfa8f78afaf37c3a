#!lua flags=allow-oom
-- Ends a check that was drawn, or puts it off. A check that was requested again meanwhile stays.
--
-- @key from: the checks that it was drawn from
-- @key to: the checks that it is put off to
-- @arg check text
-- @arg until_ms digits: until when it was put off when it was drawn
-- @arg again_in_ms number?: when it is made again; absent if it has ended
-- @reply ENDED
-- @reply ASKED: it was requested again
-- @include scripts/call
-- @include scripts/number
-- @include time/now

if read('ZSCORE', from, check) ~= until_ms then return reply.ASKED end
if not again_in_ms or from ~= to then write('ZREM', from, check) end
if again_in_ms then write('ZADD', to, int(math.floor(now_us() / 1000) + again_in_ms), check) end
return reply.ENDED
