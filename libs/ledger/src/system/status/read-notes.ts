import type { Connection } from '../../connection.ts';
import { heldOrgsOf } from '../../orgs/held-orgs.ts';
import { DoubtNote, QuarantineNote, SinceNote } from './notes.ts';
import {
  MAX_NOTICE_BYTES,
  longestFirst,
  readJson,
  readableReplies,
  someFields,
  unlessDamaged,
} from './replies.ts';

/** The fields that are read of the ledger itself, besides those of each org. */
const FACTS = [
  'id',
  'begun',
  'lost',
  'before',
  'frozen',
  'frozen_reason',
  'frozen_by',
  'activity_replaced',
  'sweep_ended',
  'sweep_succeeded',
  'clock_jump',
  'restarted',
  'registry_repaired',
  'events_replaced',
];
const NOTHING = { fields: [] as [string, string][], hasLonger: false };

/** What the ledger says of itself. Of very many fields, those of some orgs are left out. */
export const readFacts = async (connection: Connection) => {
  const { redis, keys } = connection;
  const { fields, hasLonger } = await unlessDamaged(someFields(connection, keys.ledger), NOTHING);
  const facts = Object.fromEntries(fields);
  const missing = FACTS.filter((name) => facts[name] === undefined);
  const lengths = await readableReplies(
    missing.reduce((pipeline, name) => pipeline.hstrlen(keys.ledger, name), redis.pipeline()),
  );
  const isReadable = (length: number) => length > 0 && length < MAX_NOTICE_BYTES;
  const others = missing.filter((_, i) => isReadable(Number(lengths[i] ?? 0)));
  const values = others.length === 0 ? [] : await redis.hmget(keys.ledger, ...others);
  for (const [i, name] of others.entries()) facts[name] = values[i] ?? '';
  return { facts, tooLong: hasLonger ? [keys.ledger] : [] };
};

/** The notes that the ledger keeps of assistants, longest first, and the held orgs. */
export const readNotes = async (connection: Connection) => {
  const { keys } = connection;
  const hashes = [keys.uncertain, keys.quarantine, keys.stale, keys.tooLarge, keys.held];
  const read: (typeof NOTHING)[] = [];
  for (const key of hashes) {
    // One after the other: notices may be long.
    const maxBytes = key === keys.uncertain ? MAX_NOTICE_BYTES : undefined;
    read.push(await unlessDamaged(someFields(connection, key, maxBytes), NOTHING));
  }
  const [uncertain, quarantined, stale, tooLarge, held] = read.map(({ fields }) => fields);
  const unreadable = { why: 'its entry in the quarantine cannot be read' };
  return {
    uncertain: longestFirst(
      uncertain!.map(([assistantId, text]) => ({ assistantId, ...readJson(DoubtNote, text) })),
    ),
    quarantined: longestFirst(
      quarantined!.map(([assistantId, text]) => ({
        assistantId,
        ...(readJson(QuarantineNote, text) ?? unreadable),
      })),
    ),
    stale: longestFirst(stale!.map(([assistantId, text]) => ({ assistantId, ...readJson(SinceNote, text) }))),
    tooLarge: longestFirst(
      tooLarge!.map(([assistantId, text]) => ({ assistantId, ...readJson(SinceNote, text) })),
    ),
    heldOrgs: heldOrgsOf(held!),
    tooLong: hashes.filter((_, i) => read[i]!.hasLonger),
  };
};
