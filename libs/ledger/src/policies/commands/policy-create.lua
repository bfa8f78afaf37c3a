-- Records a rotation policy, once, with the assistants that it names.
--
-- KEYS  1 the new policy   2 its assistants   3 the index of policies   4 the request id (only where the caller gave one)
-- ARGV  1 prefix  2 policy id  3 request id or ''  4 digest of the arguments, and of the same with `c` for the org: DIGEST/DIGEST  5 seconds that a request id is kept
--       6 how many policies are kept  7 how many assistants are named, '' where it is for all that upstream lists
--       8… the ids of those assistants, then further fields and values of its hash: `org` first
-- Returns {'CREATED', flat hash}
--         {'KNOWN', policy id, flat hash}   the same request again
--         {'REUSED'}                        the request id was used with other arguments
--         {'SPENT'}                         the request id was used, and its policy was deleted
--         {'FULL'}                          there are as many policies as are kept
-- Keeps: one request id, one policy; all of it is there, or nothing; never more policies than are kept.

local id, request, named = ARGV[2], ARGV[3], tonumber(ARGV[7]) or 0
local own_digest, digest_of_c = string.match(ARGV[4], '^([^/]+)/(.+)$')
local org_at = 9 + named
ARGV[org_at] = org_name(ARGV[org_at])

if request ~= '' then
  local seen = read('GET', KEYS[4])
  if seen then
    local other, digest = string.match(seen, '^(%S+) (%S+)$')
    -- Asked for under `c` before it was known what that is: the same org, and so the same arguments.
    if digest ~= own_digest and not (digest == digest_of_c and org_name('c') == ARGV[org_at]) then return { 'REUSED' } end
    local hash = read('HGETALL', PREFIX .. ':policy:' .. other)
    if #hash == 0 then return { 'SPENT' } end
    return { 'KNOWN', other, hash }
  end
end
if read('ZCARD', KEYS[3]) >= tonumber(ARGV[6]) then return { 'FULL' } end
read('SCARD', KEYS[2])
local now = int(math.floor(now_us() / 1000))
write('HSET', KEYS[1], 'request', request, 'assistants', ARGV[7], 'paused', '', 'created', now, 'updated', now, unpack(ARGV, 8 + named))
if request ~= '' then write('SET', KEYS[4], id .. ' ' .. own_digest, 'EX', ARGV[5]) end

-- A thousand at a time: Lua's stack does not take all of them.
for from = 8, 7 + named, 1000 do
  write('SADD', KEYS[2], unpack(ARGV, from, math.min(from + 999, 7 + named)))
end
write('ZADD', KEYS[3], 0, id)
return { 'CREATED', read('HGETALL', KEYS[1]) }
