/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import type { Actor } from '@rekey/schema';
import { flatHash } from '../hash-fields.ts';
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface BulkClaimInput {
  bulk: string;
  /** the states of its assistants */
  states: string;
  /** the ledger's own facts */
  ledger: string;
  /** the open intents of the org */
  intents: string;
  /** the request budget */
  budget: string;
  bulkId: string;
  org: string;
  leaseMs: number;
  /** the landing window */
  landingMs: number;
  /** how many intents of the org may be open */
  maxOpen: number;
  /** how many intents of all orgs may be open */
  maxInAll: number;
  /** the error code for which the worker lets no POST leave now */
  holdBack?: string | undefined;
  /** the pause between two requests, 0 for no limit */
  stepUs: number;
  /** the ledger that the worker knows */
  ledgerId?: string | undefined;
  items: {
    assistant: string;
    /** in the bulk */
    index: number;
    /** the id of its rotation */
    rotation: string;
    assistantId: string;
  }[];
}
type BulkClaimOutcome =
  /** as `claim` */
  | {
      kind: 'claimed';
      epoch: number;
      keyState: string | undefined;
      version: number | undefined;
      fresh: boolean;
      probes: boolean;
    }
  /** another rotation has replaced the key since the bulk was asked for: that serves both */
  | { kind: 'shared' }
  /** a rotation holds it, or a single rotation is QUEUED for it and goes first */
  | { kind: 'busy' }
  /** it does not wait any more; or it has failed, because its ledger entry cannot be read or its record is too long */
  | { kind: 'past' };
const readBulkClaimOutcome = (reply: unknown[]): BulkClaimOutcome => {
  switch (reply[0]) {
    case 'claimed':
      return {
        kind: 'claimed',
        epoch: Number(reply[1]),
        keyState: reply[2] === '' ? undefined : String(reply[2]),
        version: reply[3] === '' ? undefined : Number(reply[3]),
        fresh: reply[4] === '1',
        probes: reply[5] === '1',
      };
    case 'shared':
      return { kind: 'shared' };
    case 'busy':
      return { kind: 'busy' };
    case 'past':
      return { kind: 'past' };
    default:
      throw unexpectedReply('bulk-claim', reply);
  }
};
type BulkClaimReply =
  /** in order, as far as they came. `unknowns`: consecutive unknown outcomes of the org. `wait_ms` is not 0 if the request budget is used up */
  | { kind: 'claimed'; nowMs: number; unknowns: number; waitMs: number; outcomes: BulkClaimOutcome[] }
  /** the bulk does not run */
  | { kind: 'stopped'; state: string | undefined }
  /** the org, or all together, have as many open intents as bulks may have: a tenth is left to single rotations */
  | { kind: 'full'; waitMs: number }
  /** no POST may leave, or the clock of Redis is out of step */
  | { kind: 'frozen'; waitMs: number };
const readBulkClaimReply = (reply: unknown[]): BulkClaimReply => {
  switch (reply[0]) {
    case 'CLAIMED':
      return {
        kind: 'claimed',
        nowMs: Number(reply[1]),
        unknowns: Number(reply[2]),
        waitMs: Number(reply[3]),
        outcomes: reply.slice(4).map((one) => readBulkClaimOutcome(one as unknown[])),
      };
    case 'STOPPED':
      return { kind: 'stopped', state: reply[1] === '' ? undefined : String(reply[1]) };
    case 'FULL':
      return { kind: 'full', waitMs: Number(reply[1]) };
    case 'FROZEN':
      return { kind: 'frozen', waitMs: Number(reply[1]) };
    default:
      throw unexpectedReply('bulk-claim', reply);
  }
};

interface BulkCreateInput {
  bulk: string;
  /** its ids */
  ids: string;
  /** the ids that it leaves out */
  excluded: string;
  /** only if the caller gave a request id */
  request?: string | undefined;
  /** of request ids, in the same case */
  counts?: string | undefined;
  id: string;
  requestId?: string | undefined;
  /** of the arguments */
  digest: string;
  /** of the same arguments with `c` for the org */
  aliasDigest: string;
  /** how long a request id is kept */
  requestTtlS: number;
  /** how many bulk rotations may be open; absent for those of policies */
  maxOpen?: number | undefined;
  /** how many assistants all open ones together may have */
  maxIds: number;
  /** the number of ids; absent if upstream lists them */
  given?: number | undefined;
  /** a dry run */
  validateOnly: boolean;
  urgent: boolean;
  /** the number of ids that it leaves out */
  excludedCount: number;
  org: string;
  reason: string;
  /** also of the policy that it is a part of */
  requestedBy: string;
  /** Who acts. */
  actor: Actor;
  /** further fields and values of its hash */
  more: (string | number)[];
}
type BulkCreateReply =
  | { kind: 'created'; created: Record<string, string> }
  /** the same request again */
  | { kind: 'known'; knownId: string }
  /** the request id was used with other arguments */
  | { kind: 'reused' }
  /** the request id was used, and its bulk rotation is no longer kept */
  | { kind: 'spent' }
  /** a limit is reached; `of_ids`: that of assistants */
  | { kind: 'full'; ofIds: boolean }
  /** the limit of remembered request ids is reached */
  | { kind: 'crowded' }
  /** a part of the draft is missing: nothing was written */
  | { kind: 'incomplete' };
const readBulkCreateReply = (reply: unknown[]): BulkCreateReply => {
  switch (reply[0]) {
    case 'CREATED':
      return { kind: 'created', created: flatHash(reply[1]) };
    case 'KNOWN':
      return { kind: 'known', knownId: String(reply[1]) };
    case 'REUSED':
      return { kind: 'reused' };
    case 'SPENT':
      return { kind: 'spent' };
    case 'FULL':
      return { kind: 'full', ofIds: reply[1] === '1' };
    case 'CROWDED':
      return { kind: 'crowded' };
    case 'INCOMPLETE':
      return { kind: 'incomplete' };
    default:
      throw unexpectedReply('bulk-create', reply);
  }
};

interface BulkDrawInput {
  /** the bulks that are worked on */
  active: string;
  /** the ledger's own facts */
  ledger: string;
  /** of the worker */
  token: string;
  leaseMs: number;
  /** how many assistants at most */
  size: number;
  /** how many intents of an org its bulks may have open */
  maxOpen: number;
  /** draw assistants */
  ranges: boolean;
  /** draw bulks to prepare or verify */
  tasks: 'all' | 'urgent' | 'none';
  /** assistants only of bulks before this place */
  beforePlace?: number | undefined;
  /** the pause between two requests, 0 for no limit */
  stepUs: number;
  /** bulks to pass over */
  except: (string | number)[];
}
type BulkDrawReply =
  /** assistants at the indexes from `from` to `to` - 1, with their states; the lower the place of their bulk, the sooner it is drawn */
  | { kind: 'range'; bulk: string; org: string; from: number; to: number; letters: string; place: number }
  | { kind: 'prepare'; bulk: string; urgent: boolean }
  | { kind: 'verify'; bulk: string; urgent: boolean }
  /** what another client had changed of it is put right; draw again */
  | { kind: 'mended'; bulk: string }
  /** the list of its assistants is damaged; it is HALTED */
  | { kind: 'damaged'; bulk: string }
  | { kind: 'nothing' };
const readBulkDrawReply = (reply: unknown[]): BulkDrawReply => {
  switch (reply[0]) {
    case 'RANGE':
      return {
        kind: 'range',
        bulk: String(reply[1]),
        org: String(reply[2]),
        from: Number(reply[3]),
        to: Number(reply[4]),
        letters: String(reply[5]),
        place: Number(reply[6]),
      };
    case 'PREPARE':
      return { kind: 'prepare', bulk: String(reply[1]), urgent: reply[2] === '1' };
    case 'VERIFY':
      return { kind: 'verify', bulk: String(reply[1]), urgent: reply[2] === '1' };
    case 'MENDED':
      return { kind: 'mended', bulk: String(reply[1]) };
    case 'DAMAGED':
      return { kind: 'damaged', bulk: String(reply[1]) };
    case 'NOTHING':
      return { kind: 'nothing' };
    default:
      throw unexpectedReply('bulk-draw', reply);
  }
};

interface BulkEndDryRunInput {
  bulk: string;
  id: string;
  /** of the worker */
  token: string;
  /** upstream requests that the bulk takes */
  requests: number;
  takesMs: number;
  /** what upstream's list held, as JSON */
  list?: string | undefined;
}
type BulkEndDryRunReply =
  | { kind: 'saved' }
  /** the worker does not hold the task: nothing was written */
  | { kind: 'lost' };
const readBulkEndDryRunReply = (reply: unknown[]): BulkEndDryRunReply => {
  switch (reply[0]) {
    case 'SAVED':
      return { kind: 'saved' };
    case 'LOST':
      return { kind: 'lost' };
    default:
      throw unexpectedReply('bulk-end-dry-run', reply);
  }
};

interface BulkEndPrepareInput {
  bulk: string;
  ids: string;
  id: string;
  /** of the worker */
  token: string;
  total: number;
  /** upstream requests that it takes */
  requests: number;
  takesMs: number;
  /** what upstream's list held, as JSON */
  list?: string | undefined;
  /** the list is known to be incomplete */
  incomplete: boolean;
}
type BulkEndPrepareReply =
  | { kind: 'saved' }
  /** the worker does not hold the task, or ids were lost with a Redis that failed over: nothing was written */
  | { kind: 'lost' };
const readBulkEndPrepareReply = (reply: unknown[]): BulkEndPrepareReply => {
  switch (reply[0]) {
    case 'SAVED':
      return { kind: 'saved' };
    case 'LOST':
      return { kind: 'lost' };
    default:
      throw unexpectedReply('bulk-end-prepare', reply);
  }
};

interface BulkEndRangeInput {
  bulk: string;
  from: number;
  to: number;
  /** of the worker */
  token: string;
}
type BulkEndRangeReply =
  /** none of them waits */
  | { kind: 'ended' }
  /** some wait */
  | { kind: 'returned' }
  /** another worker has it: nothing was written */
  | { kind: 'lost' };
const readBulkEndRangeReply = (reply: unknown[]): BulkEndRangeReply => {
  switch (reply[0]) {
    case 'ENDED':
      return { kind: 'ended' };
    case 'RETURNED':
      return { kind: 'returned' };
    case 'LOST':
      return { kind: 'lost' };
    default:
      throw unexpectedReply('bulk-end-range', reply);
  }
};

interface BulkFailInput {
  bulk: string;
  id: string;
  /** of the worker */
  token: string;
  code: string;
  /** what upstream's list held, as JSON */
  list?: string | undefined;
}
type BulkFailReply =
  | { kind: 'saved' }
  /** the worker does not hold the task: nothing was written */
  | { kind: 'lost' };
const readBulkFailReply = (reply: unknown[]): BulkFailReply => {
  switch (reply[0]) {
    case 'SAVED':
      return { kind: 'saved' };
    case 'LOST':
      return { kind: 'lost' };
    default:
      throw unexpectedReply('bulk-fail', reply);
  }
};

interface BulkMendInput {
  bulk: string;
  id: string;
  /** the states of all assistants are compared with the counts */
  thorough: boolean;
  /** the indexes of assistants that wait again, in order and each once: they were not rotated, whatever their states say */
  again: (string | number)[];
}
type BulkMendReply =
  | { kind: 'sound' }
  | { kind: 'mended' }
  /** it has ended, is gone, or cannot be read; its places in the indexes are put right */
  | { kind: 'missing' };
const readBulkMendReply = (reply: unknown[]): BulkMendReply => {
  switch (reply[0]) {
    case 'SOUND':
      return { kind: 'sound' };
    case 'MENDED':
      return { kind: 'mended' };
    case 'MISSING':
      return { kind: 'missing' };
    default:
      throw unexpectedReply('bulk-mend', reply);
  }
};

interface BulkRenewInput {
  bulk: string;
  /** of the worker */
  token: string;
  leaseMs: number;
  /** `FROM:TO` of assistants; absent for a bulk to prepare or verify */
  span?: string | undefined;
}
type BulkRenewReply =
  | { kind: 'renewed' }
  /** another worker has it, or none: nothing was written */
  | { kind: 'lost' };
const readBulkRenewReply = (reply: unknown[]): BulkRenewReply => {
  switch (reply[0]) {
    case 'RENEWED':
      return { kind: 'renewed' };
    case 'LOST':
      return { kind: 'lost' };
    default:
      throw unexpectedReply('bulk-renew', reply);
  }
};

interface BulkRestartInput {
  bulk: string;
  ids: string;
  /** of the worker */
  token: string;
}
type BulkRestartReply =
  | { kind: 'saved' }
  /** the worker does not hold the task: nothing was written */
  | { kind: 'lost' };
const readBulkRestartReply = (reply: unknown[]): BulkRestartReply => {
  switch (reply[0]) {
    case 'SAVED':
      return { kind: 'saved' };
    case 'LOST':
      return { kind: 'lost' };
    default:
      throw unexpectedReply('bulk-restart', reply);
  }
};

interface BulkSaveIdsInput {
  bulk: string;
  ids: string;
  /** of the worker */
  token: string;
  chunk: number;
  /** the ids, one a line */
  text: string;
  /** the number of ids */
  count: number;
}
type BulkSaveIdsReply =
  | { kind: 'saved' }
  /** the worker does not hold the task: nothing was written */
  | { kind: 'lost' };
const readBulkSaveIdsReply = (reply: unknown[]): BulkSaveIdsReply => {
  switch (reply[0]) {
    case 'SAVED':
      return { kind: 'saved' };
    case 'LOST':
      return { kind: 'lost' };
    default:
      throw unexpectedReply('bulk-save-ids', reply);
  }
};

interface BulkSaveLettersInput {
  bulk: string;
  /** of the worker */
  token: string;
  from: number;
  letters: string;
}
type BulkSaveLettersReply =
  | { kind: 'saved' }
  /** the worker does not hold the task: nothing was written */
  | { kind: 'lost' };
const readBulkSaveLettersReply = (reply: unknown[]): BulkSaveLettersReply => {
  switch (reply[0]) {
    case 'SAVED':
      return { kind: 'saved' };
    case 'LOST':
      return { kind: 'lost' };
    default:
      throw unexpectedReply('bulk-save-letters', reply);
  }
};

interface BulkSaveVerificationInput {
  bulk: string;
  id: string;
  /** of the worker */
  token: string;
  /** JSON */
  found: string;
  complete: boolean;
}
type BulkSaveVerificationReply =
  | { kind: 'saved' }
  /** the worker does not hold the task: nothing was written */
  | { kind: 'lost' };
const readBulkSaveVerificationReply = (reply: unknown[]): BulkSaveVerificationReply => {
  switch (reply[0]) {
    case 'SAVED':
      return { kind: 'saved' };
    case 'LOST':
      return { kind: 'lost' };
    default:
      throw unexpectedReply('bulk-save-verification', reply);
  }
};

interface BulkTransitionInput {
  bulk: string;
  id: string;
  request: 'pause' | 'resume' | 'cancel' | 'retry' | 'acknowledged' | 'damaged';
  /** Who acts. */
  actor: Actor;
}
type BulkTransitionReply =
  /** also if it was so already */
  | { kind: 'done' }
  /** its state does not allow this */
  | { kind: 'refused'; state: string }
  | { kind: 'missing' };
const readBulkTransitionReply = (reply: unknown[]): BulkTransitionReply => {
  switch (reply[0]) {
    case 'DONE':
      return { kind: 'done' };
    case 'REFUSED':
      return { kind: 'refused', state: String(reply[1]) };
    case 'MISSING':
      return { kind: 'missing' };
    default:
      throw unexpectedReply('bulk-transition', reply);
  }
};

interface BulkTrimInput {
  /** the ended bulks, by when */
  ended: string;
  /** the ended bulks that had no assistants */
  empty: string;
  endedBeforeMs: number;
  /** how many are kept */
  keep: number;
}
type BulkTrimReply =
  /** how many were deleted */
  { kind: 'trimmed'; forgotten: number };
const readBulkTrimReply = (reply: unknown[]): BulkTrimReply => {
  switch (reply[0]) {
    case 'TRIMMED':
      return { kind: 'trimmed', forgotten: Number(reply[1]) };
    default:
      throw unexpectedReply('bulk-trim', reply);
  }
};

/**
 * The commands of bulks/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const bulksCommands = (run: RunCommand) => ({
  /**
   * Claims waiting assistants of a bulk, each with an intent to POST and a rotation of its own, as far as the
   * limit of open intents and the request budget allow.
   *
   * Keeps: all that `claim` keeps; an assistant of a bulk is begun once. Too many consecutive unknown outcomes
   * halt the bulk.
   */
  bulkClaim: async (input: BulkClaimInput): Promise<BulkClaimReply> =>
    readBulkClaimReply(
      await run(
        'bulk-claim',
        [
          input.bulk,
          input.states,
          input.ledger,
          input.intents,
          input.budget,
          ...input.items.flatMap((one) => [one.assistant]),
        ],
        [
          input.bulkId,
          input.org,
          input.leaseMs,
          input.landingMs,
          input.maxOpen,
          input.maxInAll,
          input.holdBack ?? '',
          input.stepUs,
          input.ledgerId ?? '',
          ...input.items.flatMap((one) => [one.index, one.rotation, one.assistantId]),
        ],
      ),
    ),
  /**
   * Records a bulk rotation, once. Ids that the caller gave lie in the draft already, which expires within the
   * hour.
   *
   * Keeps: one request id has one bulk rotation; all of it is there, or nothing. A limited number is open,
   * and of assistants in them.
   */
  bulkCreate: async (input: BulkCreateInput): Promise<BulkCreateReply> =>
    readBulkCreateReply(
      await run(
        'bulk-create',
        [
          input.bulk,
          input.ids,
          input.excluded,
          ...(input.request === undefined ? [] : [input.request]),
          ...(input.counts === undefined ? [] : [input.counts]),
        ],
        [
          input.id,
          input.requestId ?? '',
          input.digest,
          input.aliasDigest,
          input.requestTtlS,
          input.maxOpen ?? '',
          input.maxIds,
          input.given ?? '',
          input.validateOnly ? '1' : '',
          input.urgent ? '1' : '',
          input.excludedCount,
          input.org,
          input.reason,
          input.requestedBy,
          input.actor.by,
          input.actor.also ?? '',
          input.actor.request ?? '',
          input.actor.trace ?? '',
          ...input.more,
        ],
      ),
    ),
  /**
   * Draws work of the bulk rotations: assistants to rotate, or a whole bulk to prepare or to verify. Work that
   * is not renewed is drawn again.
   *
   * Keeps: an assistant that waits and was passed by is in a draw that a worker has, or in the draws to be
   * redone. Urgent bulks come first, then older ones.
   */
  bulkDraw: async (input: BulkDrawInput): Promise<BulkDrawReply> =>
    readBulkDrawReply(
      await run(
        'bulk-draw',
        [input.active, input.ledger],
        [
          input.token,
          input.leaseMs,
          input.size,
          input.maxOpen,
          input.ranges ? '1' : '',
          input.tasks,
          input.beforePlace ?? '',
          input.stepUs,
          ...input.except,
        ],
      ),
    ),
  /**
   * Ends a dry run: its total is the number of states.
   */
  bulkEndDryRun: async (input: BulkEndDryRunInput): Promise<BulkEndDryRunReply> =>
    readBulkEndDryRunReply(
      await run(
        'bulk-end-dry-run',
        [input.bulk],
        [input.id, input.token, input.requests, input.takesMs, input.list ?? ''],
      ),
    ),
  /**
   * Ends the preparation of a bulk: all of its ids are saved, and it starts. With an incomplete list it halts
   * before its first assistant: an operator who resumes it accepts the assistants that were listed.
   */
  bulkEndPrepare: async (input: BulkEndPrepareInput): Promise<BulkEndPrepareReply> =>
    readBulkEndPrepareReply(
      await run(
        'bulk-end-prepare',
        [input.bulk, input.ids],
        [
          input.id,
          input.token,
          input.total,
          input.requests,
          input.takesMs,
          input.list ?? '',
          input.incomplete ? '1' : '',
        ],
      ),
    ),
  /**
   * Ends a draw of assistants. If any of them still waits, the draw is returned to be drawn again.
   */
  bulkEndRange: async (input: BulkEndRangeInput): Promise<BulkEndRangeReply> =>
    readBulkEndRangeReply(await run('bulk-end-range', [input.bulk], [input.from, input.to, input.token])),
  /**
   * Fails a bulk that cannot be prepared.
   */
  bulkFail: async (input: BulkFailInput): Promise<BulkFailReply> =>
    readBulkFailReply(
      await run('bulk-fail', [input.bulk], [input.id, input.token, input.code, input.list ?? '']),
    ),
  /**
   * Puts an open bulk right if another client has changed its places in the indexes, the states of its
   * assistants, its counts or its draws.
   *
   * Keeps: an assistant of a bulk is begun once. Nothing is counted that was not done.
   */
  bulkMend: async (input: BulkMendInput): Promise<BulkMendReply> =>
    readBulkMendReply(
      await run('bulk-mend', [input.bulk], [input.id, input.thorough ? '1' : '', ...input.again]),
    ),
  /**
   * Keeps what was drawn.
   */
  bulkRenew: async (input: BulkRenewInput): Promise<BulkRenewReply> =>
    readBulkRenewReply(await run('bulk-renew', [input.bulk], [input.token, input.leaseMs, input.span ?? ''])),
  /**
   * Restarts the preparation of a bulk: ids and states that were saved before are deleted.
   */
  bulkRestart: async (input: BulkRestartInput): Promise<BulkRestartReply> =>
    readBulkRestartReply(await run('bulk-restart', [input.bulk, input.ids], [input.token])),
  /**
   * Saves a thousand ids of a bulk that is prepared.
   */
  bulkSaveIds: async (input: BulkSaveIdsInput): Promise<BulkSaveIdsReply> =>
    readBulkSaveIdsReply(
      await run(
        'bulk-save-ids',
        [input.bulk, input.ids],
        [input.token, input.chunk, input.text, input.count],
      ),
    ),
  /**
   * Saves states of assistants of a dry run, one after the other.
   */
  bulkSaveLetters: async (input: BulkSaveLettersInput): Promise<BulkSaveLettersReply> =>
    readBulkSaveLettersReply(
      await run('bulk-save-letters', [input.bulk], [input.token, input.from, input.letters]),
    ),
  /**
   * Saves what the comparison of a bulk has found, and ends the bulk if it is complete.
   */
  bulkSaveVerification: async (input: BulkSaveVerificationInput): Promise<BulkSaveVerificationReply> =>
    readBulkSaveVerificationReply(
      await run(
        'bulk-save-verification',
        [input.bulk],
        [input.id, input.token, input.found, input.complete ? '1' : ''],
      ),
    ),
  /**
   * Pauses, resumes, cancels or retries a bulk rotation, as an operator requests; or resumes it because
   * consumers have applied the keys of its canary (`acknowledged`); or halts it because another client has
   * spoiled the list of its assistants (`damaged`).
   *
   * Keeps: of two requests at once the last one prevails, and each sees a state that was.
   */
  bulkTransition: async (input: BulkTransitionInput): Promise<BulkTransitionReply> =>
    readBulkTransitionReply(
      await run(
        'bulk-transition',
        [input.bulk],
        [
          input.id,
          input.request,
          input.actor.by,
          input.actor.also ?? '',
          input.actor.request ?? '',
          input.actor.trace ?? '',
        ],
      ),
    ),
  /**
   * Deletes the bulk rotations that ended first: those that ended before a moment, and those beyond a count. Of
   * the latter, those without assistants go first.
   */
  bulkTrim: async (input: BulkTrimInput): Promise<BulkTrimReply> =>
    readBulkTrimReply(await run('bulk-trim', [input.ended, input.empty], [input.endedBeforeMs, input.keep])),
});
