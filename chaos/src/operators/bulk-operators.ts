import { randomUUID } from 'node:crypto';
import { RekeyClientError, type BulkRotation, type RekeyClient } from '@rekey/client';
import type { RotationState } from '@rekey/schema';
import type { Random } from '../random.ts';
import type { Outcome } from '../verdict/evidence.ts';

interface BulkResult {
  /** The outcome of each assistant, in the last bulk rotation that it was in. */
  outcomes: Map<string, Outcome>;
  /** How often the operators did what. */
  actions: Record<string, number>;
}

interface BulkOperatorsOptions {
  client: RekeyClient;
  orgId: string;
  random: Random;
  pause: (ms: number) => Promise<void>;
  showProgress: (text: string) => void;
  /**
   * Something else writes to Redis: a bulk may become unreadable. Operators cancel it then, as status
   * advises, and request another one.
   */
  isSpoilt?: boolean;
  /** Whether operators also pause, resume and cancel a bulk that runs. */
  interferes: boolean;
}

const hasEnded = ({ state }: BulkRotation): boolean => ['COMPLETED', 'CANCELLED', 'FAILED'].includes(state);
const isStopped = ({ state }: BulkRotation): boolean => state === 'PAUSED' || state === 'HALTED';
const MAX_RETRIES = 3;
/** A bulk without progress for this time is judged as it is. */
const STALLED_MS = 300_000;
/** A bulk that is gone or unreadable for this number of reads has to be requested again. */
const UNREADABLE_READS = 10;

/**
 * The list of its assistants is damaged: status advises to cancel it. Or Invent listed too few: to resume it
 * would accept that.
 */
const MUST_CANCEL: readonly string[] = ['LEDGER_CORRUPT', 'LIST_INCOMPLETE'];

/** The bulk, or the list of its assistants, cannot be read any more: it was spoiled or deleted. */
class BulkGone extends Error {}

const isOfEntry = (error: unknown): boolean =>
  error instanceof RekeyClientError && ['LEDGER_CORRUPT', 'BULK_NOT_FOUND'].includes(error.code);

/** The calls of the operators, repeated until the gateway answers. */
const createCalls = (
  { client, orgId, pause, isSpoilt = false }: BulkOperatorsOptions,
  report: (action: string) => void,
) => {
  /** The gateway may be away at any time. Every call is safe to repeat. */
  const insist = async <T>(call: () => Promise<T>): Promise<T> => {
    for (let unreadable = 0; ;) {
      try {
        return await call();
      } catch (error) {
        if (error instanceof RekeyClientError && error.grpcStatus === 'FAILED_PRECONDITION') throw error;
        if (isSpoilt && isOfEntry(error) && (unreadable += 1) >= UNREADABLE_READS) throw new BulkGone();
        await pause(100);
      }
    }
  };
  return {
    insist,
    get: (id: string): Promise<BulkRotation> => insist(() => client.getBulkRotation(id)),
    retry: (id: string): Promise<BulkRotation> => insist(() => client.retryBulkRotation(id)),
    /** Of two operators' requests at once, the second may no longer be possible. */
    request: async (action: 'pause' | 'resume' | 'cancel', id: string): Promise<void> => {
      report(action);
      await insist(() => client[`${action}BulkRotation`](id)).catch(() => {});
    },
    create: (assistantIds?: string[]): Promise<BulkRotation> => {
      const request = {
        orgId,
        reason: 'chaos',
        requestId: randomUUID(),
        maxFailures: { percent: 100 },
        ...(assistantIds ? { assistantIds } : { allAssistants: true }),
      };
      return insist(() => client.createBulkRotation(request, { deadlineMs: 10_000 }));
    },
  };
};
type Calls = ReturnType<typeof createCalls>;

/** Resumes a bulk that stopped. Pauses or cancels one that runs, at random. */
const interfere = async (
  bulk: BulkRotation,
  { request }: Calls,
  { random, interferes }: BulkOperatorsOptions,
) => {
  const requestAll = (actions: ('pause' | 'resume')[]) =>
    Promise.all(actions.map((action) => request(action, bulk.id)));
  if (bulk.state === 'HALTED' && MUST_CANCEL.includes(bulk.stop?.reason ?? ''))
    await request('cancel', bulk.id);
  else if (isStopped(bulk)) await requestAll(random.next() > 0.5 ? ['resume', 'resume'] : ['resume']);
  else if (bulk.state === 'RUNNING' && interferes) {
    const dice = random.next();
    if (dice < 0.03) await request('cancel', bulk.id);
    else if (dice < 0.15) await request('pause', bulk.id);
    else if (dice < 0.25) await requestAll(['pause', 'resume', 'pause']);
  }
};

const progressOf = ({ state, counts }: BulkRotation): string => {
  const { succeeded, shared, total, unknown, failed } = counts;
  return `${state}: ${succeeded + shared} of ${total} done, ${unknown} unknown, ${failed} failed`;
};

/** Follows a bulk to its end. Returns it as it is if it stalls. */
const follow = async (
  first: BulkRotation,
  calls: Calls,
  options: BulkOperatorsOptions,
  report: (action: string) => void,
): Promise<BulkRotation> => {
  let bulk = first;
  let [last, movedMs] = ['', performance.now()];
  while (!hasEnded(bulk)) {
    const now = JSON.stringify([bulk.state, bulk.counts]);
    if (now !== last) [last, movedMs] = [now, performance.now()];
    if (performance.now() - movedMs > STALLED_MS) {
      report('stalled');
      return bulk;
    }
    await options.pause(options.random.between(100, 1500));
    bulk = await calls.get(first.id);
    options.showProgress(progressOf(bulk));
    if (bulk.state === 'HALTED') report(`halted: ${bulk.stop?.reason}`);
    await interfere(bulk, calls, options);
  }
  return bulk;
};

const rotationStateOf = (state: string): RotationState => {
  if (state === 'SHARED') return 'SUCCEEDED';
  return state === 'WAITING' ? 'QUEUED' : (state as RotationState);
};

/** Adds the outcome of each assistant of a bulk. Returns the assistants that the bulk cancelled. */
const collectOutcomes = async (
  { id, createTime }: BulkRotation,
  { insist }: Calls,
  client: RekeyClient,
  outcomes: BulkResult['outcomes'],
): Promise<string[]> => {
  const cancelled: string[] = [];
  const acceptedMs = createTime.getTime();
  for (let pageToken: string | undefined = ''; pageToken !== undefined;) {
    const token: string = pageToken;
    const page = await insist(() => client.listBulkRotationItems({ id, pageSize: 1000, pageToken: token }));
    for (const { assistantId, state, error } of page.items) {
      // The list of its assistants is damaged.
      if (assistantId === '') throw new BulkGone();
      if (state === 'CANCELLED') cancelled.push(assistantId);
      outcomes.set(assistantId, {
        state: rotationStateOf(state),
        assistantId,
        acceptedMs,
        ...(error && { code: error.reason }),
      });
    }
    pageToken = page.nextPageToken;
  }
  return cancelled;
};

/**
 * Rotates a whole org in bulk, with operators who pause, resume and cancel the bulk at random, often two at
 * once. They rotate cancelled assistants in another bulk, and retry failed ones, until every assistant has an
 * outcome.
 */
export const rotateInBulk = async (options: BulkOperatorsOptions): Promise<BulkResult> => {
  const outcomes: BulkResult['outcomes'] = new Map();
  const actions: Record<string, number> = {};
  const report = (action: string) => {
    actions[action] = (actions[action] ?? 0) + 1;
  };
  const calls = createCalls(options, report);
  const followToEnd = (bulk: BulkRotation) => follow(bulk, calls, options, report);

  const retryFailed = async (ended: BulkRotation): Promise<BulkRotation> => {
    let bulk = ended;
    for (
      let retries = 0;
      bulk.state === 'COMPLETED' && bulk.counts.failed > 0 && retries < MAX_RETRIES;
      retries += 1
    ) {
      report('retry');
      bulk = await followToEnd(await calls.retry(bulk.id));
    }
    return bulk;
  };
  /** Rotates these assistants, or all. Resolves with those that are left. */
  const rotate = async (assistantIds?: string[]): Promise<string[] | 'again'> => {
    let id: string | undefined;
    try {
      const created = await calls.create(assistantIds);
      id = created.id;
      const bulk = await retryFailed(await followToEnd(created));
      // A bulk fails if Rekey cannot list the assistants. It has rotated nothing.
      if (bulk.state === 'FAILED') {
        report(`failed: ${bulk.stop?.reason}`);
        return 'again';
      }
      // It would leave out those that were not listed.
      if (bulk.state === 'CANCELLED' && bulk.list?.incomplete) return 'again';
      const cancelled = await collectOutcomes(bulk, calls, options.client, outcomes);
      return hasEnded(bulk) ? cancelled : [];
    } catch (error) {
      if (!options.isSpoilt || !(error instanceof RekeyClientError || error instanceof BulkGone)) throw error;
      report(`given up: ${error instanceof RekeyClientError ? error.code : 'unreadable'}`);
      if (id !== undefined) await options.client.cancelBulkRotation(id).catch(() => {});
      return 'again';
    }
  };

  let left: string[] | undefined;
  for (;;) {
    const result = await rotate(left);
    if (result === 'again') await options.pause(1000);
    else if (result.length === 0) return { outcomes, actions };
    else left = result;
  }
};
