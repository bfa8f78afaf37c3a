-- Binds the ledger to the key that its fingerprints are made with; the first worker decides.
--
-- KEYS  1 the ledger's own facts
-- ARGV  1 prefix  2 fingerprint key id
-- Returns {'BOUND', fingerprint key id of the ledger}

redis.call('HSETNX', KEYS[1], 'fingerprint_key', ARGV[2])
return { 'BOUND', redis.call('HGET', KEYS[1], 'fingerprint_key') }
