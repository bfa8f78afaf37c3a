-- Records a bulk rotation, once. Its ids, where they are given, lie there already, and would be gone within
-- the hour.
--
-- KEYS  1 the bulk   2 its ids   3 those it leaves out   4 the request id (only where the caller gave one)
-- ARGV  1 prefix  2 bulk id  3 request id or ''  4 digest of the arguments, and of the same with `c` for the org: DIGEST/DIGEST  5 seconds that a request id is kept
--       6 how many ids were given, '' where upstream is to be asked for them  7 '1' for a dry run  8 '1' where it is urgent
--       9 how many it leaves out  10… further fields and values of its hash: `org` first
-- Returns {'CREATED', flat hash}
--         {'KNOWN', bulk id}   the same request again
--         {'REUSED'}           the request id was used with other arguments
--         {'SPENT'}            the request id was used, and its bulk rotation is no longer kept
--         {'INCOMPLETE'}       of what was handed over something is gone: nothing was written
-- Keeps: one request id, one bulk rotation; all of it is there, or nothing.

local id, request = ARGV[2], ARGV[3]
local given, left_out = tonumber(ARGV[6]), tonumber(ARGV[9])
local own_digest, digest_of_c = string.match(ARGV[4], '^([^/]+)/(.+)$')
ARGV[11] = org_name(ARGV[11])

if request ~= '' then
  local seen = read('GET', KEYS[4])
  if seen then
    local other, digest = string.match(seen, '^(%S+) (%S+)$')
    -- Asked for under `c` before it was known what that is: the same org, and so the same arguments.
    if digest ~= own_digest and not (digest == digest_of_c and org_name('c') == ARGV[11]) then return { 'REUSED' } end
    if read('EXISTS', bulk_key(other)) == 0 then return { 'SPENT' } end
    return { 'KNOWN', other }
  end
end
-- A slow caller's first ids may have lapsed, or were lost with a Redis that failed over.
if (given and read('HLEN', KEYS[2]) ~= math.ceil(given / 1000)) or (left_out > 0 and read('EXISTS', KEYS[3]) == 0) then return { 'INCOMPLETE' } end

local now = int(math.floor(now_us() / 1000))
write('HSET', KEYS[1], 'state', 'PREPARING', 'created', now, 'updated', now, 'request', request, 'urgent', ARGV[8], unpack(ARGV, 10))
if request ~= '' then write('SET', KEYS[4], id .. ' ' .. own_digest, 'EX', ARGV[5]) end
write('PERSIST', KEYS[2])
write('PERSIST', KEYS[3])
write('ZADD', PREFIX .. ':bulks', 0, id)
activate_bulk(id, ARGV[8], now)
if given then
  write('HSET', KEYS[1], 'total', ARGV[6])
  if ARGV[7] ~= '1' then begin_bulk(id, given, tonumber(now)) end
end
return { 'CREATED', read('HGETALL', KEYS[1]) }
