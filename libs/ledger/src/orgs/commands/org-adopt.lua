#!lua flags=allow-oom
-- Renames open rotations that were asked for under `c` to the org that `c` stands for, and the fields that
-- say that they are queued.
--
-- Keeps: a rotation and the field of its assistant that says that it is queued have the same org. Of two
-- rotations that are queued for one assistant, under `c` and under its real name, later requests are answered
-- with the second.
--
-- @key open: the open rotations
-- @arg after text?: the rotation id to continue after
-- @arg count number: how many rotations to look at
-- @reply ADOPTED next text?, renamed number: `next`: the last id looked at, if there may be more
-- @include orgs/open-rotations
-- @include orgs/org-name
-- @include rotations/rotation
-- @include scripts/call
-- @include scripts/number
-- @include scripts/reply-of

local org = org_name('c')
local ids = read('ZRANGE', open, after == '' and '-' or '(' .. after, '+', 'BYLEX', 'LIMIT', 0, count)
local renamed = 0
for _, id in ipairs(ids) do
  local failure, of_org, assistant_key, bulk = try_fields(rotation_key(id), { of_org = 'org' })
  local has_assistant = string.find(assistant_key or '', PREFIX .. ':assistant:', 1, true) == 1
  if not failure and of_org == 'c' and has_assistant and org ~= 'c' then
    write('HSET', rotation_key(id), 'org', org)
    if not bulk then
      write('ZREM', open_of_org('c'), id)
      write('ZADD', open_of_org(org), 0, id)
    end
    if redis.pcall('HGET', assistant_key, 'queued:c') == id then
      write('HDEL', assistant_key, 'queued:c')
      write('HSETNX', assistant_key, 'queued:' .. org, id)
    end
    renamed = renamed + 1
  end
end
return reply.ADOPTED { next = #ids == count and ids[#ids], renamed = int(renamed) }
