#!lua flags=allow-oom
-- Freezes rotations: from now on claim.lua lets no request leave.
--
-- KEYS  1 the ledger's own facts
-- ARGV  1 prefix  2 why
-- Returns {'FROZEN'}
--         {'ALREADY'}   since when and why stay as they were
-- Keeps: both fields are there, or neither.

if write('HSETNX', KEYS[1], 'frozen', int(math.floor(now_us() / 1000))) == 0 then return { 'ALREADY' } end
write('HSET', KEYS[1], 'frozen_reason', ARGV[2])
return { 'FROZEN' }
