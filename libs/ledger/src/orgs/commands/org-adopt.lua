#!lua flags=allow-oom
-- Renames open rotations that were asked for under `c` to the org that `c` stands for, with what says that
-- they are queued.
--
-- KEYS  1 the open rotations
-- ARGV  1 prefix  2 look at those after this rotation id ('' for all)  3 how many to look at
-- Returns {'ADOPTED', last id looked at or '' at the end, how many were renamed}
-- Keeps: a rotation and the field of its assistant that says that it is queued have the same org. Of two that
-- are queued for one assistant, under `c` and under its real name, the second is the one that later requests
-- are told of.

local after, count = ARGV[2], tonumber(ARGV[3])
local org = org_name('c')
local ids = read('ZRANGE', KEYS[1], after == '' and '-' or '(' .. after, '+', 'BYLEX', 'LIMIT', 0, count)
local renamed = 0
for _, id in ipairs(ids) do
  local rotation = redis.pcall('HMGET', rotation_key(id), 'org', 'assistant_key')
  local is_whole = rotation[1] == 'c' and string.find(rotation[2] or '', PREFIX .. ':assistant:', 1, true) == 1
  if is_whole and org ~= 'c' then
    write('HSET', rotation_key(id), 'org', org)
    if redis.pcall('HGET', rotation[2], 'queued:c') == id then
      write('HDEL', rotation[2], 'queued:c')
      write('HSETNX', rotation[2], 'queued:' .. org, id)
    end
    renamed = renamed + 1
  end
end
return { 'ADOPTED', #ids < count and '' or ids[#ids], int(renamed) }
