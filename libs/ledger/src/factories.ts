/**
 * The interface of the ledger before `openLedger`: one factory for each part, and methods under their former
 * names. It goes with its last caller.
 */
import type { Redis } from 'ioredis';
import type { BudgetOptions, Lane, RequestBudget as NewBudget } from './budget/budget.ts';
import { openBulkWork, type BulkWork as NewBulkWork } from './bulks/work/bulk-work.ts';
import { connectLedger } from './connection.ts';
import { openLedger, type Ledger as NewLedger, type LedgerOptions } from './open-ledger.ts';
import type { Claim, ClaimOptions as NewClaimOptions } from './rotations/claim.ts';
import type {
  CommitResult as NewCommitResult,
  KeyVersion as NewKeyVersion,
} from './assistants/key-version.ts';
import type { Hold } from './assistants/hold.ts';
import type { Consumers as NewConsumers, ConsumerRevisions as NewRevisions } from './consumers/consumers.ts';
import type { OrgAlias as NewOrgAlias } from './orgs/org-alias.ts';
import type { Moved } from './orgs/org-move.ts';
import type { NextRead } from './rotations/rotations.ts';

export interface Sealed {
  envelope: string;
  readers: number;
}
export type KeyVersion = Omit<NewKeyVersion, 'sealed' | 'rotation'> & {
  sealed: Sealed;
  rotation: Exclude<NewKeyVersion['rotation'], 'continues'> | 'goes-on';
};
type OtherReaders = { kind: 'other-readers' };
export type CommitResult = Exclude<NewCommitResult, { kind: 'other-recipients' }> | OtherReaders;
export type ClaimOptions = Omit<NewClaimOptions, 'slotGranted'> & { paid?: boolean };
export type LookResult = { kind: 'look'; hold: Hold } | { kind: 'held'; retryInMs: number };

const newSealed = ({ envelope, readers }: Sealed) => ({ envelope, revision: readers });
const oldWord = <T extends string>(word: T) =>
  (word === 'other-recipients' ? 'other-readers' : word) as Exclude<T, 'other-recipients'> | 'other-readers';

const flatLedger = (ledger: NewLedger) => {
  const { rotations, assistants, orgs, system } = ledger;
  return {
    keys: ledger.keys,
    accept: rotations.accept,
    claim: (job: Parameters<typeof rotations.claim>[0], { paid, ...options }: ClaimOptions) =>
      rotations.claim(job, { ...options, ...(paid !== undefined && { slotGranted: paid }) }),
    look: async (target: { orgId: string; assistantId: string }): Promise<LookResult> => {
      const result = await assistants.beginCheck(target);
      return result.kind === 'held' ? result : { kind: 'look', hold: result.hold };
    },
    commit: async (hold: Hold, { sealed, rotation, ...version }: KeyVersion): Promise<CommitResult> => {
      const result = await assistants.commit(hold, {
        ...version,
        sealed: newSealed(sealed),
        rotation: rotation === 'goes-on' ? 'continues' : rotation,
      });
      return result.kind === 'other-recipients' ? { kind: 'other-readers' } : result;
    },
    settle: rotations.settle,
    release: rotations.release,
    giveBack: rotations.returnToBulk,
    fail: rotations.fail,
    noteUnknown: async (claim: Claim, next: NextRead, sealed: Sealed) =>
      oldWord(await rotations.noteUnknown(claim, next, newSealed(sealed))),
    markUncertain: async (hold: Hold, sealed: Sealed) =>
      oldWord(await assistants.markUncertain(hold, newSealed(sealed))),
    compare: assistants.compare,
    requestCheck: assistants.requestCheck,
    drawChecks: assistants.drawChecks,
    endCheck: assistants.endCheck,
    orgLimits: orgs.limits,
    holdOrg: orgs.hold,
    orgSwept: orgs.endSweep,
    acceptHeld: orgs.acceptHeld,
    heldOrgs: orgs.held,
    keyFacts: assistants.keyFacts,
    notSeenSince: assistants.notSeenSince,
    countNotSeenSince: assistants.countNotSeenSince,
    orgs: orgs.list,
    condemn: rotations.failCorrupt,
    quarantine: assistants.quarantine,
    unquarantine: assistants.unquarantine,
    noteTooLarge: assistants.noteTooLarge,
    noteFits: assistants.noteFits,
    cancel: rotations.cancel,
    get: rotations.get,
    list: rotations.list,
    current: assistants.current,
    currents: assistants.currents,
    publishedPage: assistants.publishedPage,
    uncertainPage: assistants.uncertainPage,
    bind: system.bind,
    recognise: system.recognise,
    knownId: system.knownId,
    adopt: system.adopt,
    boundTo: system.boundTo,
    recogniseRedis: system.recogniseRedis,
    noteDone: system.noteDone,
    nowMs: system.nowMs,
    findLost: async (options: { quietMs: number; after?: string }) => {
      const { orphans, next } = await rotations.findOrphans(options);
      return next === undefined ? { lost: orphans } : { lost: orphans, next };
    },
    trim: rotations.trim,
  };
};
export type Ledger = ReturnType<typeof flatLedger>;

type Where = { redis: Redis; prefix: string };

export const createLedger = ({ redis, ...options }: { redis: Redis } & LedgerOptions): Ledger =>
  flatLedger(openLedger(redis, options));

export const createBulks = ({ redis, prefix }: Where) => openLedger(redis, { prefix }).bulks;
export const createSweeps = ({ redis, prefix }: Where) => openLedger(redis, { prefix }).sweeps;
export const createPolicies = ({ redis, prefix }: Where) => openLedger(redis, { prefix }).policies;
export const createProcesses = ({ redis, prefix, leaseMs }: Where & { leaseMs?: number }) =>
  openLedger(redis, { prefix, ...(leaseMs !== undefined && { processLeaseMs: leaseMs }) }).processes;
export const createSystem = ({
  redis,
  prefix,
  positions,
}: Where & { positions?: LedgerOptions['positions'] }) => openLedger(redis, { prefix, positions }).system;

export type RequestBudget = Omit<NewBudget, 'take'> & {
  take(lane: Lane, options?: { paid: boolean }): ReturnType<NewBudget['take']>;
};
const flatBudget = (budget: NewBudget): RequestBudget => ({
  ...budget,
  take: (lane: Lane, options?: { paid: boolean }) =>
    budget.take(lane, options && { slotGranted: options.paid }),
});
export const createRequestBudget = ({ redis, prefix, ...budget }: Where & BudgetOptions) =>
  flatBudget(openLedger(redis, { prefix, budget }).budget);

export type ConsumerRevisions = Omit<NewRevisions, 'recipients'> & { readers: number };
export type Consumers = Omit<NewConsumers, 'revisions' | 'write'> & {
  revisions(): Promise<ConsumerRevisions>;
  write(
    name: string,
    before: Parameters<NewConsumers['write']>[1],
    after: Parameters<NewConsumers['write']>[2],
    options?: { readers?: boolean; tell?: string },
  ): Promise<boolean>;
};
export const createConsumers = ({ redis, ...options }: Where & { keepEvents?: () => number }): Consumers => {
  const { consumers } = openLedger(redis, options);
  return {
    ...consumers,
    revisions: async () => {
      const { recipients, ...rest } = await consumers.revisions();
      return { ...rest, readers: recipients };
    },
    write: (name, before, after, { readers, tell } = {}) =>
      consumers.write(name, before, after, {
        ...(readers !== undefined && { reseals: readers }),
        ...(tell !== undefined && { emit: tell }),
      }),
  };
};

export type MoveResult = { kind: 'moved'; words: ('moved' | 'gone' | 'changed')[] } | OtherReaders;
export type OrgAlias = Omit<NewOrgAlias, 'move'> & {
  move(orgId: string, moved: Moved[], readers: number): Promise<MoveResult>;
};
export const createOrgAlias = ({ redis, ...options }: Where & { keepEvents?: () => number }): OrgAlias => {
  const { alias } = openLedger(redis, options);
  return {
    ...alias,
    move: async (orgId, moved, readers) => {
      const result = await alias.move(orgId, moved, readers);
      return result.kind === 'moved' ? result : { kind: 'other-readers' };
    },
  };
};

export type BulkWork = Omit<NewBulkWork, 'dropRange' | 'endPrepare' | 'endDryRun'> & {
  endRange: NewBulkWork['dropRange'];
  prepared: NewBulkWork['endPrepare'];
  validated: NewBulkWork['endDryRun'];
};
export interface BulkWorkOptions extends Where {
  budget?: BudgetOptions;
  ledgerId?: () => string | undefined;
}
export const createBulkWork = ({
  redis,
  prefix,
  budget,
  ledgerId = () => undefined,
}: BulkWorkOptions): BulkWork => {
  const connection = connectLedger(redis, prefix);
  const { dropRange, endPrepare, endDryRun, ...work } = openBulkWork(connection, { budget, ledgerId });
  return { ...work, endRange: dropRange, prepared: endPrepare, validated: endDryRun };
};
