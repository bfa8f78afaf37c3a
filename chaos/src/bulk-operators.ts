import { randomUUID } from 'node:crypto';
import { RekeyClientError, type BulkRotation, type RekeyClient } from '@rekey/client';
import type { RotationState } from '@rekey/schema';
import type { Random } from './random.ts';
import type { Outcome } from './verdict.ts';

export interface BulkOutcome {
  /** What became of each assistant, in the last bulk rotation that it was in. */
  ends: Map<string, Outcome>;
  /** What the operators did, and how often. */
  done: Record<string, number>;
}

export interface BulkOperatorsOptions {
  client: RekeyClient;
  orgId: string;
  random: Random;
  pause: (ms: number) => Promise<void>;
  say: (text: string) => void;
  /** Whether operators meddle. */
  meddle: () => boolean;
}

const ended = ({ state }: BulkRotation): boolean => ['COMPLETED', 'CANCELLED', 'FAILED'].includes(state);
const stopped = ({ state }: BulkRotation): boolean => state === 'PAUSED' || state === 'HALTED';
const RETRIES = 3;
/** A bulk that makes no progress for this time is judged as it is. */
const STALLED_MS = 300_000;

/**
 * One bulk rotation of a whole org, with operators who pause, resume and cancel it at random, often two at
 * once. What was cancelled before it was begun is asked for again in another one, and what failed is retried,
 * until every assistant has come to an end.
 */
export const rotateInBulk = async ({
  client,
  orgId,
  random,
  pause,
  say,
  meddle,
}: BulkOperatorsOptions): Promise<BulkOutcome> => {
  const ends: BulkOutcome['ends'] = new Map();
  const done: Record<string, number> = {};
  const count = (what: string) => (done[what] = (done[what] ?? 0) + 1);

  /** The gateway may be away at any time; every call is safe to repeat. */
  const insist = async <T>(call: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (error instanceof RekeyClientError && error.grpcStatus === 'FAILED_PRECONDITION') throw error;
        await pause(100);
      }
    }
  };
  /** What two operators ask for at once may no longer be possible. */
  const ask = async (what: 'pause' | 'resume' | 'cancel', id: string): Promise<void> => {
    count(what);
    await insist(() => client[`${what}BulkRotation`](id)).catch(() => {});
  };

  const create = (assistantIds?: string[]): Promise<BulkRotation> => {
    const request = {
      orgId,
      reason: 'chaos',
      requestId: randomUUID(),
      maxFailures: { percent: 100 },
      ...(assistantIds ? { assistantIds } : { allAssistants: true }),
    };
    return insist(() => client.createBulkRotation(request, { deadlineMs: 10_000 }));
  };

  const follow = async (first: BulkRotation): Promise<BulkRotation> => {
    let bulk = first;
    let [last, movedMs] = ['', performance.now()];
    while (!ended(bulk)) {
      const now = JSON.stringify([bulk.state, bulk.counts]);
      if (now !== last) [last, movedMs] = [now, performance.now()];
      if (performance.now() - movedMs > STALLED_MS) {
        count('stalled');
        return bulk;
      }
      await pause(random.between(100, 1500));
      bulk = await insist(() => client.getBulkRotation(first.id));
      const { counts } = bulk;
      say(
        `${bulk.state}: ${counts.succeeded + counts.shared} of ${counts.total} done, ${counts.unknown} unknown, ${counts.failed} failed`,
      );
      if (stopped(bulk)) {
        if (bulk.state === 'HALTED') count(`halted: ${bulk.stop?.reason}`);
        await Promise.all(
          random.next() > 0.5 ? [ask('resume', bulk.id), ask('resume', bulk.id)] : [ask('resume', bulk.id)],
        );
      } else if (bulk.state === 'RUNNING' && meddle()) {
        const dice = random.next();
        if (dice < 0.03) await ask('cancel', bulk.id);
        else if (dice < 0.15) await ask('pause', bulk.id);
        else if (dice < 0.25)
          await Promise.all([ask('pause', bulk.id), ask('resume', bulk.id), ask('pause', bulk.id)]);
      }
    }
    return bulk;
  };

  const collect = async ({ id, createTime }: BulkRotation): Promise<string[]> => {
    const again: string[] = [];
    const acceptedMs = createTime.getTime();
    for (let pageToken: string | undefined = ''; pageToken !== undefined;) {
      const token: string = pageToken;
      const page = await insist(() => client.listBulkRotationItems({ id, pageSize: 1000, pageToken: token }));
      for (const { assistantId, state, error } of page.items) {
        if (state === 'CANCELLED') again.push(assistantId);
        const became =
          state === 'SHARED' ? 'SUCCEEDED' : state === 'WAITING' ? 'QUEUED' : (state as RotationState);
        ends.set(assistantId, {
          state: became,
          assistantId,
          acceptedMs,
          ...(error && { code: error.reason }),
        });
      }
      pageToken = page.nextPageToken;
    }
    return again;
  };

  let bulk = await follow(await create());
  // It could not be told which assistants there are: nothing was rotated, and the operators ask again later.
  while (bulk.state === 'FAILED') {
    count(`failed: ${bulk.stop?.reason}`);
    await pause(1000);
    bulk = await follow(await create());
  }
  for (;;) {
    for (
      let retries = 0;
      bulk.state === 'COMPLETED' && bulk.counts.failed > 0 && retries < RETRIES;
      retries += 1
    ) {
      count('retry');
      bulk = await follow(await insist(() => client.retryBulkRotation(bulk.id)));
    }
    const again = await collect(bulk);
    if (again.length === 0 || !ended(bulk)) return { ends, done };
    bulk = await follow(await create(again));
  }
};
