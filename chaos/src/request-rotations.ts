import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { shuffleTargets } from './system/assistants.ts';
import { insist } from './system/insist.ts';
import type { System } from './system/system.ts';

const CALLERS = 16;
/** Open rotations at once. In an odd world many wait, for hidden keys or for a closed budget. */
const MAX_OPEN = { usual: 150, odd: 500 };
/** The share of rotations that is requested before the first odd episode has ended. */
const HEAD_START = 0.05;
/** Without a newly accepted rotation for this time, no more are requested, and the run so far is judged. */
const STALLED_MS = 180_000;

interface RequestOptions {
  count: number;
  seed: number;
  world: 'usual' | 'odd';
  /** The share of the rotations that may have been requested by now, from 0 to 1. */
  maxShare: () => number;
  showProgress: (text: string) => void;
}

/**
 * Requests `count` rotations, and repeats each request until the gateway accepts it. Resolves with their ids.
 */
export const requestRotations = async (
  { ledger, assistants, callers: { requester } }: System,
  { count, seed, world, maxShare, showProgress }: RequestOptions,
): Promise<string[]> => {
  const ids = new Set<string>();
  const targets = shuffleTargets(assistants, seed);
  let next = 0;
  let movedMs = performance.now();
  const isStalled = () => performance.now() - movedMs > STALLED_MS;
  const isDone = () => ids.size >= count || isStalled();
  const mustWait = async () =>
    (await ledger.openRotations()) > MAX_OPEN[world] || ids.size > count * (maxShare() + HEAD_START);

  const request = async (): Promise<void> => {
    const target = targets[next % targets.length]!;
    next += 1;
    const requestId = randomUUID();
    const call = () => requester.rotateSecretKey({ ...target, requestId }, { deadlineMs: 3000 });
    const { id } = await insist(call);
    // For an assistant with an open rotation the gateway returns that rotation.
    if (ids.has(id)) return;
    ids.add(id);
    movedMs = performance.now();
    if (ids.size % 100 === 0) showProgress(`${ids.size} of ${count} rotations accepted`);
  };
  const callUntilDone = async () => {
    while (!isDone()) {
      while (!isDone() && (await mustWait())) await sleep(50);
      if (!isDone()) await request();
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, callUntilDone));
  if (isStalled())
    showProgress(`no progress for ${STALLED_MS / 1000} s: ${ids.size} of ${count} rotations were requested`);
  return [...ids];
};
