#!lua flags=allow-oom
-- Keeps what was drawn.
--
-- KEYS  1 the bulk
-- ARGV  1 prefix  2 token of who drew it  3 lease ms  4 `from:to` of assistants, '' of a bulk to prepare or verify
-- Returns {'RENEWED'}
--         {'LOST'}   it is another's by now, or nobody's: nothing was written

local until_text = int(math.floor(now_us() / 1000) + tonumber(ARGV[3]))
if ARGV[4] == '' then
  if read('HGET', KEYS[1], 'task_token') ~= ARGV[2] then return { 'LOST' } end
  write('HSET', KEYS[1], 'task_until', until_text)
else
  local draw_of = read('HGET', KEYS[1] .. ':draws', ARGV[4])
  if not draw_of or string.match(draw_of, ' (%S+)$') ~= ARGV[2] then return { 'LOST' } end
  write('HSET', KEYS[1] .. ':draws', ARGV[4], until_text .. ' ' .. ARGV[2])
end
return { 'RENEWED' }
