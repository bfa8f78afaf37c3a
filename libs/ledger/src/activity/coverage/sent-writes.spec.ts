import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const sources = new URL('../../', import.meta.url).pathname;
const COMMANDS =
  'hset|hsetnx|hdel|hincrby|set|del|unlink|expire|pexpire|rename|incr|' +
  'zadd|zrem|sadd|srem|xadd|lpush|rpush|multi';
const KEY = String.raw`(?:\.\.\.)?(?:this\.)?(?:keys|connection\.keys|queue|\w+Key)\b[\w.]*`;
const WRITES = new RegExp(String.raw`\.(${COMMANDS})\(\s*(${KEY})(?:,\s*('\w+'))?`, 'g');

/** Every command that is sent without a script and writes: its file, its key, and a field that it names. */
const sentWrites = (): string[] => {
  const files = globSync('**/*.ts', { cwd: sources }).filter((path) => !/spec|fixture|generated/.test(path));
  const found = files.flatMap((path) =>
    [...readFileSync(`${sources}/${path}`, 'utf8').matchAll(WRITES)].map(([, command, key, field]) =>
      [path, command, key, ...(field ? [field] : [])].join(' '),
    ),
  );
  return [...new Set(found)].toSorted();
};

/** Why nobody has to know of what these write. A change that somebody requests is one Lua command instead. */
const WITHOUT_A_RECORD: Record<string, string[]> = {
  'it is a record: of a call that was denied, and changed nothing': [
    'activity/activity.ts xadd keys.activity',
  ],
  'a lock, which workers take and release': [
    'archive/archive-feed.ts del keys.archiving',
    'consumers/consumers.ts del keys.resealing',
    'consumers/consumers.ts pexpire keys.resealing',
    'consumers/consumers.ts set keys.resealing',
    'listing/assistant-index.ts del keys.indexing',
    'listing/assistant-index.ts pexpire keys.indexing',
    'listing/assistant-index.ts set keys.indexing',
    'orgs/org-alias.ts del keys.aliasing',
    'orgs/org-alias.ts pexpire keys.aliasing',
    'orgs/org-alias.ts set keys.aliasing',
    'sweeps/sweeps.ts set keys.heldSwept',
  ],
  'what Rekey has noticed of its own state, which status shows': [
    'assistants/assistants.ts hdel keys.quarantine',
    'assistants/assistants.ts hdel keys.tooLarge',
    'assistants/published.ts hset keys.damaged',
    "orgs/org-alias.ts hdel keys.ledger 'alias_conflict'",
    "orgs/org-alias.ts hset keys.ledger 'alias_conflict'",
    'orgs/orgs-without-index.ts hset keys.damaged',
    'orgs/orgs.ts hset keys.damaged',
    'registry/stored.ts hset keys.ledger',
    'system/status/damage.ts hdel keys.damaged',
  ],
  'what another client has spoiled is put back or removed': [
    'budget/budget.ts del budgetKey',
    'listing/assistant-index.ts unlink keys.indexState',
    'orgs/org-alias.ts srem keys.orgs',
    'queues/queues.ts del queue.toKey',
    "system/identity.ts hset keys.ledger 'fingerprint_key'",
  ],
  'the orgs of a consumer that is being removed': [
    'events/events.ts hdel keys.formerConsumers',
    'events/events.ts hset keys.formerConsumers',
  ],
  'a draft, of which a command makes a bulk rotation': [
    'bulks/bulk-draft.ts expire excludedKey',
    'bulks/bulk-draft.ts expire idsKey',
    'bulks/bulk-draft.ts hset idsKey',
    'bulks/bulk-draft.ts sadd excludedKey',
    'bulks/bulk-draft.ts unlink idsKey',
  ],
  'how far a worker or a caller has come': [
    "consumers/consumers.ts hset keys.ledger 'resealed'",
    "consumers/consumers.ts hset keys.ledger 'signer'",
    'listing/assistant-index.ts hdel keys.indexState',
    "listing/assistant-index.ts hdel keys.indexState 'complete'",
    "listing/assistant-index.ts hdel keys.indexState 'org'",
    'listing/assistant-index.ts hset keys.indexState',
    "listing/assistant-index.ts hset keys.indexState 'checked'",
    "listing/assistant-index.ts hset keys.indexState 'org'",
    'orgs/org-alias.ts pexpire keys.aliasTried',
    'orgs/org-alias.ts zadd keys.aliasTried',
    'sweeps/sweeps.ts zadd keys.configured',
    'system/identity.ts hset keys.ledger',
    'tokens/tokens.ts hdel keys.tokenUses',
    'tokens/tokens.ts hset keys.tokenUses',
  ],
};

describe('a write without a script', () => {
  it('is one that has no record, for a reason', () => {
    expect(sentWrites()).toEqual(Object.values(WITHOUT_A_RECORD).flat().toSorted());
  });
});
