import { setTimeout as sleep } from 'node:timers/promises';
import type { RekeyClient } from '@rekey/client';
import type { Ledger } from '@rekey/ledger';
import { nextUlid } from '@rekey/runtime';
import type { WaitsOptions } from './options.ts';
import type { CallerPlan } from './plan.ts';

/** The number of the state in which each rotation has ended, and when, in ms since 1970. */
export type Ends = ReadonlyMap<string, { state: number; atMs: number }>;

const AT_ONCE = 100;
const BULKS = 20;
/** A call that comes behind thousands of others. */
const PATIENT = { deadlineMs: 60_000 };

const inTurns = async <T>(
  items: readonly T[],
  act: (item: T, at: number) => Promise<void>,
): Promise<void> => {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++;
      await act(items[at]!, at);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
};

export const createRotations = async ({ rotations }: Ledger, count: number): Promise<string[]> => {
  const ids = Array.from({ length: count }, () => `rot_${nextUlid()}`);
  await inTurns(ids, async (id, at) => {
    await rotations.accept(id, { orgId: `org_${at % 50}`, assistantId: `ast_wait_${at}`, reason: '' });
  });
  return ids;
};

const CLAIM = { leaseMs: 60_000, landingWindowMs: 1000, maxOpenIntents: 1_000_000 };

/** Ends a rotation, and returns the number of its state: every second one fails, the others are cancelled. */
const endOne = async ({ rotations }: Ledger, id: string, at: number): Promise<number> => {
  if (at % 2 === 0) {
    await rotations.cancel(id);
    return 6;
  }
  const job = { rotationId: id, orgId: `org_${at % 50}`, assistantId: `ast_wait_${at}` };
  const claimed = await rotations.claim(job, CLAIM);
  if (claimed.kind !== 'claimed') throw new Error(`${id} could not be claimed: ${claimed.kind}`);
  if (!(await rotations.fail(claimed.claim, { code: 'ASSISTANT_NOT_FOUND' }, false)))
    throw new Error(`${id} did not fail`);
  return 5;
};

export const createBulks = async (client: RekeyClient): Promise<string[]> => {
  const ids: string[] = [];
  for (let at = 0; at < BULKS; at += 1)
    ids.push((await client.createBulkRotation({ orgId: 'org_0', assistantIds: [`ast_bulk_${at}`] })).id);
  return ids;
};

/** Ends all rotations in waves, pauses some bulk rotations in each, and cancels all of them at last. */
export const endInWaves = async (
  { ledger, client }: { ledger: Ledger; client: RekeyClient },
  { rotationIds, bulkIds }: Pick<CallerPlan, 'rotationIds' | 'bulkIds'>,
  { waves, waveSeconds }: WaitsOptions,
) => {
  const ended = new Map<string, { state: number; atMs: number }>();
  for (let wave = 0; wave < waves; wave += 1) {
    if (wave > 0) await sleep(waveSeconds * 1000);
    for (const id of bulkIds.filter((_id, at) => at % waves === wave))
      await client.pauseBulkRotation(id, PATIENT);
    await inTurns(rotationIds, async (id, at) => {
      // Those of a wave are spread over the ids, and so over the times at which their waiters came.
      if (Math.floor(at / 2) % waves === wave)
        ended.set(id, { state: await endOne(ledger, id, at), atMs: Date.now() });
    });
  }
  for (const id of bulkIds) await client.cancelBulkRotation(id, PATIENT);
  return ended;
};
