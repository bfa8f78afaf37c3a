import { setTimeout as sleep } from 'node:timers/promises';
import { insist } from './insist.ts';
import type { System } from './system.ts';

const SWEEP_WITHIN_MS = 60_000;
/** Looks in a row that must find nothing to do. */
const QUIET_LOOKS = 4;
const CHECK_LOOKS = 100;

/** Resolves with true once no rotation is open and no check is due soon, or with false after `withinMs`. */
export const waitUntilQuiet = async (
  { ledger }: System,
  withinMs: number,
  onProgress: (open: number, checks: number) => void,
): Promise<boolean> => {
  const deadline = performance.now() + withinMs;
  let quiet = 0;
  while (performance.now() < deadline) {
    const [open, checks] = [await ledger.openRotations(), await ledger.dueChecks()];
    onProgress(open, checks);
    quiet = open + checks === 0 ? quiet + 1 : 0;
    if (quiet >= QUIET_LOOKS) return true;
    await sleep(500);
  }
  return false;
};

/** Sweeps all orgs. False if the sweep does not end in time. */
const sweep = async ({ callers: { operator } }: System): Promise<boolean> => {
  // A channel waits for some time before it connects again to a gateway that was killed.
  const requestedMs = performance.now() + SWEEP_WITHIN_MS;
  const first = await insist(() => operator.createSweep(), requestedMs).catch(() => undefined);
  if (!first) return false;
  const untilMs = performance.now() + SWEEP_WITHIN_MS;
  for (
    let state = '';
    state !== 'SUCCEEDED' && state !== 'FAILED';
    state = (await insist(() => operator.getSweep(first.id), untilMs).catch(() => first)).state
  ) {
    if (performance.now() > untilMs) return false;
    await sleep(200);
  }
  return true;
};

/**
 * Sweeps twice: the second sweep finds what the first has postponed. False if a sweep does not end in time.
 */
export const sweepTwice = async (system: System): Promise<boolean> => {
  for (let times = 0; times < 2; times += 1) {
    if (!(await sweep(system))) return false;
    for (let checks = 1, looks = 0; checks > 0 && looks < CHECK_LOOKS; looks += 1) {
      await sleep(200);
      checks = await system.ledger.dueChecks();
    }
  }
  return true;
};
