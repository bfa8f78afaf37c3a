/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import type { Actor } from '@rekey/schema';
import { flatHash } from '../hash-fields.ts';
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface AcceptInput {
  /** the new rotation */
  rotation: string;
  assistant: string;
  /** only if the caller gave a request id */
  request?: string | undefined;
  /** of request ids, in the same case */
  counts?: string | undefined;
  id: string;
  org: string;
  assistantId: string;
  reason: string;
  requestId?: string | undefined;
  /** of the arguments */
  digest: string;
  /** how long a request id is kept */
  requestTtlS: number;
  /** of the same arguments with `c` for the org */
  aliasDigest: string;
  /** how many rotations may be open */
  maxOpen: number;
  /** how many of one org that are not part of a bulk rotation */
  maxOfOrg: number;
  /** the org that the assistant may have been published under last, if it ever was */
  onlyUnder?: string | undefined;
  /** Who acts. */
  actor: Actor;
}
type AcceptReply =
  /** `c` is translated once it is known */
  | { kind: 'created'; createdMs: number; org: string }
  /** the same request again, or a rotation that is still QUEUED */
  | { kind: 'known'; knownId: string; known: Record<string, string> }
  /** the request id was used with other arguments */
  | { kind: 'reused' }
  /** the request id was used, and its rotation is no longer kept */
  | { kind: 'spent' }
  /** a limit is reached; `of_org`: that of the org */
  | { kind: 'full'; ofOrg: boolean }
  /** the limit of remembered request ids is reached */
  | { kind: 'crowded' }
  /** the assistant was last published under this org; nothing was written */
  | { kind: 'elsewhere'; under: string };
const readAcceptReply = (reply: unknown[]): AcceptReply => {
  switch (reply[0]) {
    case 'CREATED':
      return { kind: 'created', createdMs: Number(reply[1]), org: String(reply[2]) };
    case 'KNOWN':
      return { kind: 'known', knownId: String(reply[1]), known: flatHash(reply[2]) };
    case 'REUSED':
      return { kind: 'reused' };
    case 'SPENT':
      return { kind: 'spent' };
    case 'FULL':
      return { kind: 'full', ofOrg: reply[1] === '1' };
    case 'CROWDED':
      return { kind: 'crowded' };
    case 'ELSEWHERE':
      return { kind: 'elsewhere', under: String(reply[1]) };
    default:
      throw unexpectedReply('accept', reply);
  }
};

interface CancelInput {
  rotation: string;
  id: string;
  /** Who acts. */
  actor: Actor;
}
type CancelReply =
  /** also if it was cancelled before */
  | { kind: 'cancelled'; rotation: Record<string, string> }
  /** it has started, or has ended otherwise */
  | { kind: 'refused'; state: string }
  | { kind: 'missing' };
const readCancelReply = (reply: unknown[]): CancelReply => {
  switch (reply[0]) {
    case 'CANCELLED':
      return { kind: 'cancelled', rotation: flatHash(reply[1]) };
    case 'REFUSED':
      return { kind: 'refused', state: String(reply[1]) };
    case 'MISSING':
      return { kind: 'missing' };
    default:
      throw unexpectedReply('cancel', reply);
  }
};

interface ClaimInput {
  rotation: string;
  assistant: string;
  /** the ledger's own facts */
  ledger: string;
  /** the open intents of the org */
  intents: string;
  /** the request budget */
  budget: string;
  id: string;
  org: string;
  assistantId: string;
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
  /** a slot was reserved and has been waited for */
  slotGranted: boolean;
  /** the ledger that the worker knows */
  ledgerId?: string | undefined;
}
type ClaimReply =
  /** the intent is open: POST. `fresh`: the key state is known to have been in force after the rotation was asked for, so any other key was made since. `unknowns`: consecutive unknown outcomes of the org. `doubted`: an earlier outcome of this rotation was unknown. `probes`: the budget is closed, and this request finds out whether it still is */
  | {
      kind: 'claimed';
      epoch: number;
      nowMs: number;
      keyState: string | undefined;
      version: number | undefined;
      attempts: number;
      startedMs: number;
      fresh: boolean;
      unknowns: number;
      doubted: boolean;
      bulk: string | undefined;
      probes: boolean;
    }
  /** a POST of this rotation may have left: read, do not POST. `satisfied`: its key was found and published, and only the landing window is open. `noted`: the outcome is noted as unknown. `uncertain`: consumers were told so, and no version has followed. `blocked`: the error code for which another POST would fare no better. `too_large`: the record was too long to be read when it was last read */
  | {
      kind: 'resumed';
      epoch: number;
      nowMs: number;
      keyState: string | undefined;
      version: number | undefined;
      attempts: number;
      startedMs: number;
      fresh: boolean;
      unknowns: number;
      doubted: boolean;
      bulk: string | undefined;
      landsInMs: number;
      satisfied: boolean;
      noted: boolean;
      uncertain: boolean;
      blocked: string | undefined;
      tooLarge: boolean;
    }
  /** another rotation holds the assistant, or its outcome is unknown */
  | { kind: 'busy'; waitMs: number }
  /** the org, or all together, have as many open intents as allowed */
  | { kind: 'full'; waitMs: number }
  /** the same, with unknown outcomes; or too many of these were consecutive */
  | { kind: 'halted'; waitMs: number }
  /** no POST may leave; or the clock of Redis is out of step, and nothing is resumed */
  | { kind: 'frozen'; waitMs: number }
  /** no request may leave yet. `reserved`: claim again then */
  | { kind: 'paced'; waitMs: number; reserved: boolean }
  /** nothing to do */
  | { kind: 'ended'; state: string }
  /** no such rotation for this org and assistant */
  | { kind: 'missing' };
const readClaimReply = (reply: unknown[]): ClaimReply => {
  switch (reply[0]) {
    case 'CLAIMED':
      return {
        kind: 'claimed',
        epoch: Number(reply[1]),
        nowMs: Number(reply[2]),
        keyState: reply[3] === '' ? undefined : String(reply[3]),
        version: reply[4] === '' ? undefined : Number(reply[4]),
        attempts: Number(reply[5]),
        startedMs: Number(reply[6]),
        fresh: reply[7] === '1',
        unknowns: Number(reply[8]),
        doubted: reply[9] === '1',
        bulk: reply[10] === '' ? undefined : String(reply[10]),
        probes: reply[11] === '1',
      };
    case 'RESUMED':
      return {
        kind: 'resumed',
        epoch: Number(reply[1]),
        nowMs: Number(reply[2]),
        keyState: reply[3] === '' ? undefined : String(reply[3]),
        version: reply[4] === '' ? undefined : Number(reply[4]),
        attempts: Number(reply[5]),
        startedMs: Number(reply[6]),
        fresh: reply[7] === '1',
        unknowns: Number(reply[8]),
        doubted: reply[9] === '1',
        bulk: reply[10] === '' ? undefined : String(reply[10]),
        landsInMs: Number(reply[11]),
        satisfied: reply[12] === '1',
        noted: reply[13] === '1',
        uncertain: reply[14] === '1',
        blocked: reply[15] === '' ? undefined : String(reply[15]),
        tooLarge: reply[16] === '1',
      };
    case 'BUSY':
      return { kind: 'busy', waitMs: Number(reply[1]) };
    case 'FULL':
      return { kind: 'full', waitMs: Number(reply[1]) };
    case 'HALTED':
      return { kind: 'halted', waitMs: Number(reply[1]) };
    case 'FROZEN':
      return { kind: 'frozen', waitMs: Number(reply[1]) };
    case 'PACED':
      return { kind: 'paced', waitMs: Number(reply[1]), reserved: reply[2] === '1' };
    case 'ENDED':
      return { kind: 'ended', state: String(reply[1]) };
    case 'MISSING':
      return { kind: 'missing' };
    default:
      throw unexpectedReply('claim', reply);
  }
};

interface FailCorruptInput {
  rotation: string;
  id: string;
  /** when it is looked at again */
  lookAgainMs: number;
}
type FailCorruptReply =
  /** no request had left */
  | { kind: 'failed' }
  /** a request may have left: an operator is needed */
  | { kind: 'waits' }
  /** it has ended, or is missing */
  | { kind: 'ended' }
  /** its own entry cannot be read: it is taken off the index */
  | { kind: 'unreadable' };
const readFailCorruptReply = (reply: unknown[]): FailCorruptReply => {
  switch (reply[0]) {
    case 'FAILED':
      return { kind: 'failed' };
    case 'WAITS':
      return { kind: 'waits' };
    case 'ENDED':
      return { kind: 'ended' };
    case 'UNREADABLE':
      return { kind: 'unreadable' };
    default:
      throw unexpectedReply('fail-corrupt', reply);
  }
};

interface FailInput {
  rotation: string;
  assistant: string;
  /** the open intents of the org */
  intents: string;
  id: string;
  epoch: number;
  code: string;
  /** of the upstream response */
  status?: number | undefined;
  /** has the assistant read and compared, if a key of it was published */
  check: boolean;
}
type FailReply =
  | { kind: 'failed' }
  /** another holds the claim: nothing was written */
  | { kind: 'refused' };
const readFailReply = (reply: unknown[]): FailReply => {
  switch (reply[0]) {
    case 'FAILED':
      return { kind: 'failed' };
    case 'REFUSED':
      return { kind: 'refused' };
    default:
      throw unexpectedReply('fail', reply);
  }
};

interface FindOrphansInput {
  /** the index of open rotations */
  open: string;
  /** the rotation id to continue after */
  after?: string | undefined;
  /** how many rotations to look at */
  count: number;
  /** only rotations that have not changed for this time */
  quietMs: number;
  /** the queues, as BullMQ's keys begin */
  queues: (string | number)[];
}
type FindOrphansOrphan = { kind: 'found'; id: string; org: string; assistantId: string };
const readFindOrphansOrphan = (reply: unknown[]): FindOrphansOrphan => {
  switch (reply[0]) {
    case 'found':
      return { kind: 'found', id: String(reply[1]), org: String(reply[2]), assistantId: String(reply[3]) };
    default:
      throw unexpectedReply('find-orphans', reply);
  }
};
type FindOrphansReply =
  /** `next`: the last id looked at, if there may be more */
  { kind: 'looked'; next: string | undefined; orphans: FindOrphansOrphan[] };
const readFindOrphansReply = (reply: unknown[]): FindOrphansReply => {
  switch (reply[0]) {
    case 'LOOKED':
      return {
        kind: 'looked',
        next: reply[1] === '' ? undefined : String(reply[1]),
        orphans: reply.slice(2).map((one) => readFindOrphansOrphan(one as unknown[])),
      };
    default:
      throw unexpectedReply('find-orphans', reply);
  }
};

interface NoteUnknownInput {
  rotation: string;
  assistant: string;
  /** the ledger's own facts */
  ledger: string;
  id: string;
  epoch: number;
  /** of the upstream response */
  status?: number | undefined;
  /** until the assistant is read next */
  readInMs: number;
  /** how long the claim is kept; with 0 it is free until the next read */
  holdMs: number;
  /** the error code of the last read */
  readError?: string | undefined;
  /** reads cannot succeed until an operator acts */
  operatorNeeded: boolean;
  /** the event before its numbers `seq` and `run` */
  head: string;
  /** the event after them */
  tail: string;
  /** the length of the stream */
  keep: number;
  org: string;
  assistantId: string;
  /** the worker that sent the POST is gone: that says nothing about upstream */
  senderGone: boolean;
  /** the revision of the consumers at which the event was sealed */
  recipients?: string | undefined;
  /** the error code for which a later POST fares no better until an operator acts; it stays with the rotation */
  blockedBy?: string | undefined;
}
type NoteUnknownReply =
  | { kind: 'noted' }
  /** another holds the claim: nothing was written */
  | { kind: 'refused' }
  /** an event is due, and consumers were added or removed since it was sealed: nothing was written */
  | { kind: 'recipients' };
const readNoteUnknownReply = (reply: unknown[]): NoteUnknownReply => {
  switch (reply[0]) {
    case 'NOTED':
      return { kind: 'noted' };
    case 'REFUSED':
      return { kind: 'refused' };
    case 'RECIPIENTS':
      return { kind: 'recipients' };
    default:
      throw unexpectedReply('note-unknown', reply);
  }
};

interface ReleaseInput {
  rotation: string;
  assistant: string;
  /** the open intents of the org */
  intents: string;
  id: string;
  epoch: number;
  code?: string | undefined;
  /** of the upstream response */
  status?: number | undefined;
}
type ReleaseReply =
  | { kind: 'released' }
  /** another holds the claim: nothing was written */
  | { kind: 'refused' };
const readReleaseReply = (reply: unknown[]): ReleaseReply => {
  switch (reply[0]) {
    case 'RELEASED':
      return { kind: 'released' };
    case 'REFUSED':
      return { kind: 'refused' };
    default:
      throw unexpectedReply('release', reply);
  }
};

interface ReturnToBulkInput {
  rotation: string;
  assistant: string;
  /** the open intents of the org */
  intents: string;
  id: string;
  epoch: number;
  code: string;
  /** no other assistant of the org fares better until an operator acts */
  halts: boolean;
  /** how long upstream may be away before the bulk halts */
  retryForMs: number;
}
type ReturnToBulkReply =
  | { kind: 'returned' }
  /** another holds the claim, or it has no bulk: nothing was written */
  | { kind: 'refused' };
const readReturnToBulkReply = (reply: unknown[]): ReturnToBulkReply => {
  switch (reply[0]) {
    case 'RETURNED':
      return { kind: 'returned' };
    case 'REFUSED':
      return { kind: 'refused' };
    default:
      throw unexpectedReply('return-to-bulk', reply);
  }
};

interface SettleInput {
  rotation: string;
  assistant: string;
  /** the open intents of the org */
  intents: string;
  id: string;
  epoch: number;
  /** as the worker computes Redis time from its claim */
  nowMs: number;
  /** when the key was certainly in force: the start of the read, less the read lag */
  inForceMs: number;
}
type SettleReply =
  | { kind: 'settled' }
  /** several assistants of the org show one key, and this may be it: nothing was written */
  | { kind: 'withheld' }
  /** another holds the claim, or no key was found: nothing was written */
  | { kind: 'refused' };
const readSettleReply = (reply: unknown[]): SettleReply => {
  switch (reply[0]) {
    case 'SETTLED':
      return { kind: 'settled' };
    case 'WITHHELD':
      return { kind: 'withheld' };
    case 'REFUSED':
      return { kind: 'refused' };
    default:
      throw unexpectedReply('settle', reply);
  }
};

interface TrimInput {
  /** of the end state */
  index: string;
  /** the rotation id before which rotations are deleted */
  olderThan: string;
  /** how many rotations are kept */
  keep: number;
  /** how many to look at */
  count: number;
}
type TrimReply =
  /** how many were deleted */
  { kind: 'trimmed'; forgotten: number };
const readTrimReply = (reply: unknown[]): TrimReply => {
  switch (reply[0]) {
    case 'TRIMMED':
      return { kind: 'trimmed', forgotten: Number(reply[1]) };
    default:
      throw unexpectedReply('trim', reply);
  }
};

/**
 * The commands of rotations/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const rotationsCommands = (run: RunCommand) => ({
  /**
   * Records a rotation, once.
   *
   * Keeps: one request id has one rotation. While a rotation is QUEUED for the same org and assistant, no
   * second one is made. A limited number of rotations is open, of an org and in all. No caller gets a rotation
   * that never ends: an entry that names one was written by another client. A caller that may rotate only
   * assistants of some orgs gets nothing of an assistant that was last published under another one.
   */
  accept: async (input: AcceptInput): Promise<AcceptReply> =>
    readAcceptReply(
      await run(
        'accept',
        [
          input.rotation,
          input.assistant,
          ...(input.request === undefined ? [] : [input.request]),
          ...(input.counts === undefined ? [] : [input.counts]),
        ],
        [
          input.id,
          input.org,
          input.assistantId,
          input.reason,
          input.requestId ?? '',
          input.digest,
          input.requestTtlS,
          input.aliasDigest,
          input.maxOpen,
          input.maxOfOrg,
          input.onlyUnder ?? '',
          input.actor.by,
          input.actor.also ?? '',
          input.actor.request ?? '',
          input.actor.trace ?? '',
        ],
      ),
    ),
  /**
   * Cancels a rotation that is still QUEUED. The caller knows only its id: the key of the assistant comes from
   * the rotation.
   */
  cancel: async (input: CancelInput): Promise<CancelReply> =>
    readCancelReply(
      await run(
        'cancel',
        [input.rotation],
        [
          input.id,
          input.actor.by,
          input.actor.also ?? '',
          input.actor.request ?? '',
          input.actor.trace ?? '',
        ],
      ),
    ),
  /**
   * Claims an assistant for one rotation and notes the intent to POST; or resumes an intent whose outcome is
   * unknown. The request budget grants its slot here, in one command: no claim is held while a worker waits for
   * a slot. A rotation whose assistant has a record that is too long to be read ends here, without a POST.
   *
   * Keeps: an assistant has one holder and at most one open intent; an org has a limited number of open
   * intents, and so have all together. The key state is from before the intent. After as many consecutive
   * unknown outcomes as intents may be open, one POST leaves a landing window, as a probe.
   */
  claim: async (input: ClaimInput): Promise<ClaimReply> =>
    readClaimReply(
      await run(
        'claim',
        [input.rotation, input.assistant, input.ledger, input.intents, input.budget],
        [
          input.id,
          input.org,
          input.assistantId,
          input.leaseMs,
          input.landingMs,
          input.maxOpen,
          input.maxInAll,
          input.holdBack ?? '',
          input.stepUs,
          input.slotGranted ? '1' : '',
          input.ledgerId ?? '',
        ],
      ),
    ),
  /**
   * Ends a rotation whose own entry, or whose assistant's, cannot be read. If a request may have left, it
   * becomes RECONCILING and needs an operator.
   */
  failCorrupt: async (input: FailCorruptInput): Promise<FailCorruptReply> =>
    readFailCorruptReply(await run('fail-corrupt', [input.rotation], [input.id, input.lookAgainMs])),
  /**
   * Ends a rotation that was certainly not done and is not retried.
   */
  fail: async (input: FailInput): Promise<FailReply> =>
    readFailReply(
      await run(
        'fail',
        [input.rotation, input.assistant, input.intents],
        [input.id, input.epoch, input.code, input.status ?? '', input.check ? '1' : ''],
      ),
    ),
  /**
   * Finds open rotations without a job. Their gateway died before it queued them; or the job was lost, is in no
   * list, has failed, or was delayed until long after the rotation is due by a worker whose clock is wrong.
   */
  findOrphans: async (input: FindOrphansInput): Promise<FindOrphansReply> =>
    readFindOrphansReply(
      await run(
        'find-orphans',
        [input.open],
        [input.after ?? '', input.count, input.quietMs, ...input.queues],
      ),
    ),
  /**
   * Notes that it is unknown whether the POST of a rotation took effect. The intent stays open. Consumers are
   * told the first time, and again if a version was published since and reads show an older key than that.
   *
   * Keeps: once a key was published, `key-uncertain` comes once before the next version, and stands in the hash
   * of uncertain assistants.
   */
  noteUnknown: async (input: NoteUnknownInput): Promise<NoteUnknownReply> =>
    readNoteUnknownReply(
      await run(
        'note-unknown',
        [input.rotation, input.assistant, input.ledger],
        [
          input.id,
          input.epoch,
          input.status ?? '',
          input.readInMs,
          input.holdMs,
          input.readError ?? '',
          input.operatorNeeded ? '1' : '',
          input.head,
          input.tail,
          input.keep,
          input.org,
          input.assistantId,
          input.senderGone ? '1' : '',
          input.recipients ?? '',
          input.blockedBy ?? '',
        ],
      ),
    ),
  /**
   * Closes an intent whose POST certainly did not happen, or certainly did not land, and queues the rotation
   * again.
   */
  release: async (input: ReleaseInput): Promise<ReleaseReply> =>
    readReleaseReply(
      await run(
        'release',
        [input.rotation, input.assistant, input.intents],
        [input.id, input.epoch, input.code ?? '', input.status ?? ''],
      ),
    ),
  /**
   * Returns an assistant to its bulk: its first request certainly did nothing, and the bulk retries it later.
   *
   * Keeps: an assistant that was not rotated is not counted as failed, and not forgotten.
   */
  returnToBulk: async (input: ReturnToBulkInput): Promise<ReturnToBulkReply> =>
    readReturnToBulkReply(
      await run(
        'return-to-bulk',
        [input.rotation, input.assistant, input.intents],
        [input.id, input.epoch, input.code, input.halts ? '1' : '', input.retryForMs],
      ),
    ),
  /**
   * Ends a rotation whose key was found and published while its landing window was open. The window has now
   * passed, and the key was read again, unchanged.
   */
  settle: async (input: SettleInput): Promise<SettleReply> =>
    readSettleReply(
      await run(
        'settle',
        [input.rotation, input.assistant, input.intents],
        [input.id, input.epoch, input.nowMs, input.inForceMs],
      ),
    ),
  /**
   * Deletes the oldest ended rotations of one end state: those older than a rotation id, and those beyond a
   * count.
   */
  trim: async (input: TrimInput): Promise<TrimReply> =>
    readTrimReply(await run('trim', [input.index], [input.olderThan, input.keep, input.count])),
});
