import { systemActor, type RotationJob } from '@rekey/schema';
import { keyBefore } from '../../assistants/hold.ts';
import { slotsOf, type BudgetOptions } from '../../budget/budget.ts';
import type { Connection } from '../../connection.ts';
import { NO_LIMIT, type Claim, type ClaimOptions } from '../../rotations/claim.ts';
import { IDS_A_CHUNK } from '../bulk-ids.ts';
import { createBulkTasks, type BulkTasks } from './bulk-tasks.ts';
import { bulksCommands } from '../commands.generated.ts';

/** Some assistants of a bulk, which no other worker draws while this one renews them. */
export interface BulkRange {
  bulkId: string;
  orgId: string;
  from: number;
  to: number;
  /** The assistants of the range that wait. */
  waiting: { index: number; assistantId: string }[];
}

export type BulkDraw =
  /** The lower the place, the sooner the bulk is drawn: urgent bulks first, then older ones. */
  | { kind: 'range'; range: BulkRange; place: number }
  | { kind: 'prepare' | 'verify'; bulkId: string; urgent?: true }
  /** Another client had changed the bulk: it was put right, and can be drawn. */
  | { kind: 'mended'; bulkId: string }
  /** The list of its assistants is damaged: it is HALTED. */
  | { kind: 'damaged'; bulkId: string }
  | { kind: 'nothing' };

export interface DrawOptions {
  token: string;
  leaseMs: number;
  /** How many assistants at most. */
  size: number;
  /** How many open intents of an org its bulks may have. */
  maxOpenIntents: number;
  /** Whether to draw assistants. */
  ranges: boolean;
  /** Whether to draw bulks to prepare or verify, or only urgent ones. */
  tasks: boolean | 'urgent';
  /** Assistants only of bulks before this place. */
  before?: number;
  /** Bulks to pass over. */
  except: string[];
}

/** The result of the claim of one assistant. */
type ItemClaim =
  /** `probes`: the budget is closed, and this request finds out whether it still is. */
  { kind: 'claimed'; claim: Claim; probes?: true } | { kind: 'shared' | 'busy' | 'past' };

export type BulkClaimResult =
  /** In order, as far as limit and budget allowed; `retryInMs` if the request budget is used up. */
  | { kind: 'claimed'; items: ItemClaim[]; retryInMs?: number }
  | { kind: 'stopped' }
  | { kind: 'full' | 'frozen'; retryInMs: number };

/** Bulk rotations as workers draw, claim and save them. Every method is one atomic command, or reads. */
export interface BulkWork extends BulkTasks {
  draw(options: DrawOptions): Promise<BulkDraw>;
  /** False if another worker has it. */
  renew(bulkId: string, token: string, leaseMs: number, range?: BulkRange): Promise<boolean>;
  /** Drops a range: assistants that still wait are drawn again. */
  dropRange(range: BulkRange, token: string): Promise<void>;
  claim(
    range: Pick<BulkRange, 'bulkId' | 'orgId'>,
    items: { index: number; job: RotationJob }[],
    options: Omit<ClaimOptions, 'slotGranted'>,
  ): Promise<BulkClaimResult>;
  /**
   * Puts right what another client has changed of an open bulk: its places in the indexes, the states of its
   * assistants, its counts and its draws. True if there was anything. `thorough`: compares all states with
   * the counts. `again`: indexes, in order, of assistants that were not rotated, whatever their states hold.
   */
  mend(bulkId: string, options?: { thorough?: boolean; again?: number[] }): Promise<boolean>;
  /** The bulks that have not ended, by each index that names them. */
  open(): Promise<string[]>;
  /** The bulks whose canary waits for consumers. */
  awaiting(): Promise<string[]>;
  /**
   * Resumes a bulk whose consumers have applied the keys of its canary; false if an operator acted meanwhile.
   */
  acknowledged(bulkId: string): Promise<boolean>;
  /** Deletes ended bulks beyond age or count. Returns how many. */
  trim(limits: { endedBeforeMs: number; keep: number }): Promise<number>;
}

interface BulkWorkOptions {
  budget: BudgetOptions | undefined;
  /** The id of the ledger that this process knows. */
  ledgerId: () => string | undefined;
}

type Commands = ReturnType<typeof bulksCommands>;
type ClaimReply = Awaited<ReturnType<Commands['bulkClaim']>>;
type Outcome = Extract<ClaimReply, { kind: 'claimed' }>['outcomes'][number];

const createDraw = (
  { keys }: Connection,
  commands: Commands,
  stepUs: number,
  tasks: BulkTasks,
): BulkWork['draw'] => {
  /** Draws of one bulk follow one another: its string of a thousand ids is read and split once. */
  let last: { bulkId: string; chunk: number; ids: string[] } | undefined;
  const idsOnce = async (bulkId: string, chunk: number): Promise<string[]> => {
    if (last?.bulkId !== bulkId || last.chunk !== chunk)
      last = { bulkId, chunk, ids: await tasks.ids(bulkId, chunk) };
    return last.ids;
  };

  return async (options) => {
    const reply = await commands.bulkDraw({
      active: keys.bulksActive,
      ledger: keys.ledger,
      token: options.token,
      leaseMs: Math.round(options.leaseMs),
      size: options.size,
      maxOpen: options.maxOpenIntents,
      ranges: options.ranges,
      tasks: options.tasks === 'urgent' ? 'urgent' : options.tasks ? 'all' : 'none',
      beforePlace: options.before,
      stepUs,
      except: options.except,
    });
    if (reply.kind === 'nothing') return { kind: 'nothing' };
    if (reply.kind === 'mended' || reply.kind === 'damaged') return { kind: reply.kind, bulkId: reply.bulk };
    if (reply.kind !== 'range')
      return { kind: reply.kind, bulkId: reply.bulk, ...(reply.urgent && { urgent: true }) };
    const { bulk: bulkId, org: orgId, from, to, letters, place } = reply;
    const chunk = Math.floor(from / IDS_A_CHUNK);
    const ids = await idsOnce(bulkId, chunk);
    const waiting = [...letters].flatMap((letter, i) => {
      const assistantId = ids[from + i - chunk * IDS_A_CHUNK];
      return letter === '.' && assistantId ? [{ index: from + i, assistantId }] : [];
    });
    if (waiting.length < letters.split('.').length - 1) {
      last = undefined;
      await commands.bulkTransition({
        bulk: keys.bulk(bulkId),
        id: bulkId,
        request: 'damaged',
        actor: systemActor('bulk'),
      });
      return { kind: 'damaged', bulkId };
    }
    return { kind: 'range', range: { bulkId, orgId, from, to, waiting }, place };
  };
};

const createBulkClaim =
  (
    { keys }: Connection,
    commands: Commands,
    { budgetKey, stepUs }: ReturnType<typeof slotsOf>,
    ledgerId: () => string | undefined,
  ): BulkWork['claim'] =>
  async ({ bulkId, orgId }, items, options) => {
    const reply = await commands.bulkClaim({
      bulk: keys.bulk(bulkId),
      states: keys.bulkStates(bulkId),
      ledger: keys.ledger,
      intents: keys.intents(orgId),
      budget: budgetKey,
      bulkId,
      org: orgId,
      leaseMs: Math.round(options.leaseMs),
      landingMs: Math.round(options.landingWindowMs),
      maxOpen: options.maxOpenIntents,
      maxInAll: options.maxIntentsInAll ?? NO_LIMIT,
      holdBack: options.holdBack,
      stepUs,
      ledgerId: ledgerId(),
      items: items.map(({ index, job }) => ({
        assistant: keys.assistant(job.assistantId),
        index,
        rotation: job.rotationId,
        assistantId: job.assistantId,
      })),
    });
    if (reply.kind === 'stopped') return { kind: 'stopped' };
    if (reply.kind !== 'claimed') return { kind: reply.kind, retryInMs: reply.waitMs };
    const { nowMs, unknowns, waitMs, outcomes } = reply;
    const itemOf = (outcome: Outcome, i: number): ItemClaim => {
      if (outcome.kind !== 'claimed') return outcome;
      const claim: Claim = {
        ...items[i]!.job,
        bulkId,
        epoch: outcome.epoch,
        atMs: nowMs,
        attempts: 1,
        startedMs: nowMs,
        unknownsInARow: unknowns,
        doubted: false,
        ...keyBefore(outcome.keyState, outcome.version),
        uncertain: false,
        fresh: outcome.fresh,
      };
      return { kind: 'claimed', claim, ...(outcome.probes && { probes: true as const }) };
    };
    return { kind: 'claimed', items: outcomes.map(itemOf), ...(waitMs > 0 && { retryInMs: waitMs }) };
  };

export const openBulkWork = (connection: Connection, { budget, ledgerId }: BulkWorkOptions): BulkWork => {
  const { redis, keys, run } = connection;
  const commands = bulksCommands(run);
  const slots = slotsOf(keys, budget);
  const tasks = createBulkTasks(connection);

  return {
    ...tasks,
    draw: createDraw(connection, commands, slots.stepUs, tasks),
    claim: createBulkClaim(connection, commands, slots, ledgerId),

    renew: async (bulkId, token, leaseMs, range) => {
      const { kind } = await commands.bulkRenew({
        bulk: keys.bulk(bulkId),
        token,
        leaseMs: Math.round(leaseMs),
        span: range && `${range.from}:${range.to}`,
      });
      return kind === 'renewed';
    },

    dropRange: async ({ bulkId, from, to }, token) => {
      await commands.bulkEndRange({ bulk: keys.bulk(bulkId), from, to, token });
    },

    mend: async (bulkId, { thorough = false, again = [] } = {}) => {
      const { kind } = await commands.bulkMend({
        bulk: keys.bulk(bulkId),
        id: bulkId,
        thorough,
        again: again.map(String),
      });
      return kind === 'mended';
    },
    open: async () => {
      const indexed = await Promise.all(
        [keys.bulks, keys.bulksActive].map((index) => redis.zdiff(2, index, keys.bulksEnded)),
      );
      return [...new Set(indexed.flat())];
    },

    awaiting: () => redis.smembers(keys.bulksAwaiting),
    acknowledged: async (bulkId) => {
      const { kind } = await commands.bulkTransition({
        bulk: keys.bulk(bulkId),
        id: bulkId,
        request: 'acknowledged',
        actor: systemActor('bulk'),
      });
      return kind === 'done';
    },

    trim: async ({ endedBeforeMs, keep }) => {
      const { forgotten } = await commands.bulkTrim({
        ended: keys.bulksEnded,
        empty: keys.bulksEmpty,
        endedBeforeMs: Math.round(endedBeforeMs),
        keep,
      });
      return forgotten;
    },
  };
};
