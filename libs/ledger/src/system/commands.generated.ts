/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import type { Actor } from '@rekey/schema';
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface AdoptInput {
  /** the ledger's own facts */
  ledger: string;
  /** the ledger that the operator has looked at */
  ledgerId: string;
  /** Who acts. */
  actor: Actor;
}
type AdoptReply =
  | { kind: 'adopted' }
  /** it is not lost, or was adopted before */
  | { kind: 'not-lost' }
  /** it is another ledger by now */
  | { kind: 'changed' };
const readAdoptReply = (reply: unknown[]): AdoptReply => {
  switch (reply[0]) {
    case 'ADOPTED':
      return { kind: 'adopted' };
    case 'NOT_LOST':
      return { kind: 'not-lost' };
    case 'CHANGED':
      return { kind: 'changed' };
    default:
      throw unexpectedReply('adopt', reply);
  }
};

interface FreezeInput {
  /** the ledger's own facts */
  ledger: string;
  reason: string;
  /** Who acts. */
  actor: Actor;
}
type FreezeReply =
  | { kind: 'frozen' }
  /** the time and the reason stay as they were */
  | { kind: 'already' };
const readFreezeReply = (reply: unknown[]): FreezeReply => {
  switch (reply[0]) {
    case 'FROZEN':
      return { kind: 'frozen' };
    case 'ALREADY':
      return { kind: 'already' };
    default:
      throw unexpectedReply('freeze', reply);
  }
};

interface ProcessBeatInput {
  processes: string;
  id: string;
  leaseMs: number;
  ends: boolean;
  /** what it is, as JSON */
  about: string;
  /** how many processes are kept */
  limit: number;
  /** how long an ended process is kept */
  keepMs: number;
}
type ProcessBeatReply =
  | { kind: 'noted' }
  /** as many processes as are kept are live; this one is not noted */
  | { kind: 'full' };
const readProcessBeatReply = (reply: unknown[]): ProcessBeatReply => {
  switch (reply[0]) {
    case 'NOTED':
      return { kind: 'noted' };
    case 'FULL':
      return { kind: 'full' };
    default:
      throw unexpectedReply('process-beat', reply);
  }
};

interface RecogniseLedgerInput {
  /** the ledger's own facts */
  ledger: string;
  /** of the fingerprint key; absent for a process that has none */
  keyId?: string | undefined;
  /** for a new ledger */
  newId: string;
  /** the ledger that the process knows */
  knownId?: string | undefined;
  /** a ledger that vanished may begin anew */
  mayBegin: boolean;
  /** what the ledger held when the process last looked, as JSON */
  holdings?: string | undefined;
}
type RecogniseLedgerReply =
  /** `bound_to`: the fingerprint key of the ledger. `lost_ms`: since when it is lost. `began`: this call has begun it */
  { kind: 'bound'; boundTo: string | undefined; id: string; lostMs: number | undefined; began: boolean };
const readRecogniseLedgerReply = (reply: unknown[]): RecogniseLedgerReply => {
  switch (reply[0]) {
    case 'BOUND':
      return {
        kind: 'bound',
        boundTo: reply[1] === '' ? undefined : String(reply[1]),
        id: String(reply[2]),
        lostMs: reply[3] === '' ? undefined : Number(reply[3]),
        began: reply[4] === '1',
      };
    default:
      throw unexpectedReply('recognise-ledger', reply);
  }
};

interface RecogniseRedisInput {
  /** the ledger's own facts */
  ledger: string;
  /** of the Redis process */
  runId: string;
}
type RecogniseRedisReply =
  /** of `compared` and `rewritten`, what no worker has done for this Redis */
  | { kind: 'same'; duties: string | undefined }
  /** no Redis was noted before: the ledger is new, or was lost */
  | { kind: 'first' }
  /** Redis was restarted, failed over or restored */
  | { kind: 'other'; duties: string | undefined };
const readRecogniseRedisReply = (reply: unknown[]): RecogniseRedisReply => {
  switch (reply[0]) {
    case 'SAME':
      return { kind: 'same', duties: reply[1] === '' ? undefined : String(reply[1]) };
    case 'FIRST':
      return { kind: 'first' };
    case 'OTHER':
      return { kind: 'other', duties: reply[1] === '' ? undefined : String(reply[1]) };
    default:
      throw unexpectedReply('recognise-redis', reply);
  }
};

interface ShortFieldsInput {
  hash: string;
  /** how many at least, if there are more */
  count: number;
  /** the longest value */
  maxBytes: number;
}
type ShortFieldsReply =
  /** each name and its value, in turn */
  { kind: 'fields'; hasLonger: boolean; pairs: string[] };
const readShortFieldsReply = (reply: unknown[]): ShortFieldsReply => {
  switch (reply[0]) {
    case 'FIELDS':
      return { kind: 'fields', hasLonger: reply[1] === '1', pairs: reply.slice(2).map(String) };
    default:
      throw unexpectedReply('short-fields', reply);
  }
};

interface UnfreezeInput {
  /** the ledger's own facts */
  ledger: string;
  /** Who acts. */
  actor: Actor;
}
type UnfreezeReply = { kind: 'lifted' } | { kind: 'not-frozen' };
const readUnfreezeReply = (reply: unknown[]): UnfreezeReply => {
  switch (reply[0]) {
    case 'LIFTED':
      return { kind: 'lifted' };
    case 'NOT_FROZEN':
      return { kind: 'not-frozen' };
    default:
      throw unexpectedReply('unfreeze', reply);
  }
};

/**
 * The commands of system/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const systemCommands = (run: RunCommand) => ({
  /**
   * Accepts a ledger in the place of the one that vanished: requests may leave again.
   *
   * Keeps: only the ledger that the operator has looked at is adopted.
   */
  adopt: async (input: AdoptInput): Promise<AdoptReply> =>
    readAdoptReply(
      await run(
        'adopt',
        [input.ledger],
        [
          input.ledgerId,
          input.actor.by,
          input.actor.also ?? '',
          input.actor.request ?? '',
          input.actor.trace ?? '',
        ],
      ),
    ),
  /**
   * Freezes rotations: from now on `claim` lets no request leave.
   *
   * Keeps: all fields are there, or none.
   */
  freeze: async (input: FreezeInput): Promise<FreezeReply> =>
    readFreezeReply(
      await run(
        'freeze',
        [input.ledger],
        [
          input.reason,
          input.actor.by,
          input.actor.also ?? '',
          input.actor.request ?? '',
          input.actor.trace ?? '',
        ],
      ),
    ),
  /**
   * Notes that a process is live, or that it ends.
   *
   * Keeps: the number of entries is limited; a live process never makes room for another. An entry is
   * `SEEN STARTED LEASE ENDS JSON`, with times by Redis's clock.
   */
  processBeat: async (input: ProcessBeatInput): Promise<ProcessBeatReply> =>
    readProcessBeatReply(
      await run(
        'process-beat',
        [input.processes],
        [input.id, input.leaseMs, input.ends ? '1' : '', input.about, input.limit, input.keepMs],
      ),
    ),
  /**
   * Recognises the ledger: gives a new ledger its id, binds it to the key that its fingerprints are made with
   * (the first worker decides), and notes if the ledger that a process knew has vanished. From then on `claim`
   * and `bulk-claim` let no request leave until an operator has adopted the new one.
   *
   * Keeps: a ledger that vanished never passes for a new one. It has vanished if a process remembers another
   * id, or if it left anything behind.
   */
  recogniseLedger: async (input: RecogniseLedgerInput): Promise<RecogniseLedgerReply> =>
    readRecogniseLedgerReply(
      await run(
        'recognise-ledger',
        [input.ledger],
        [
          input.keyId ?? '',
          input.newId,
          input.knownId ?? '',
          input.mayBegin ? '1' : '',
          input.holdings ?? '',
        ],
      ),
    ),
  /**
   * Notes on which Redis process the ledger is. On another one, events belong to a new run: this Redis may know
   * less.
   *
   * Keeps: of several workers that ask at the same moment, one starts the run. A duty stays until a worker has
   * noted that it is done.
   */
  recogniseRedis: async (input: RecogniseRedisInput): Promise<RecogniseRedisReply> =>
    readRecogniseRedisReply(await run('recognise-redis', [input.ledger], [input.runId])),
  /**
   * Reads fields of a hash: all of a short one, about `count` of a long one. Another client can have made a
   * name or a value so long that no process could take the reply: such a field is left out, and so is what
   * exceeds the length of a reply.
   */
  shortFields: async (input: ShortFieldsInput): Promise<ShortFieldsReply> =>
    readShortFieldsReply(await run('short-fields', [input.hash], [input.count, input.maxBytes])),
  /**
   * Lets requests leave again.
   */
  unfreeze: async (input: UnfreezeInput): Promise<UnfreezeReply> =>
    readUnfreezeReply(
      await run(
        'unfreeze',
        [input.ledger],
        [input.actor.by, input.actor.also ?? '', input.actor.request ?? '', input.actor.trace ?? ''],
      ),
    ),
});
