import { openSigningKeys } from './signing-keys.ts';

/*
 * A service that signs. It signs PER_SECOND hashes a second for assistants in turn, and has the simulator
 * check each. On SIGUSR2 it writes the keys that it holds, and the results since the last SIGUSR2.
 */

const { ADMIN = '', PER_SECOND = '0' } = process.env;
const TICK_MS = 10;
/** Hashes are checked in batches, so that the checks do not slow the system under test. */
const CHECK_EVERY_MS = 250;

const keys = await openSigningKeys();
const write = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);

interface Signed {
  assistant_id: string;
  user_id: string;
  hash: string;
  signed_at_ms: number;
}
const results: { key: number | null; stale_ms: number | null; fresh: boolean }[] = [];
const newest = new Map<string, number>();
let [signed, wentBack, failed] = [0, 0, 0];

let hashes: { signature: Signed; fresh: boolean }[] = [];
const checkNow = async (): Promise<void> => {
  const checked = hashes;
  hashes = [];
  const body = JSON.stringify(checked.map(({ signature }) => signature));
  const response = await fetch(`${ADMIN}/hashes`, { method: 'POST', body });
  const verdicts = (await response.json()) as Omit<(typeof results)[number], 'fresh'>[];
  results.push(...verdicts.map((verdict, i) => ({ ...verdict, fresh: checked[i]!.fresh })));
};
let checking: Promise<unknown> = Promise.resolve();
const check = (): Promise<unknown> => {
  if (hashes.length > 0) checking = Promise.all([checking, checkNow()]);
  return checking;
};

const sign = async (assistantId: string, userId: string): Promise<void> => {
  const { hash, version, isFresh } = await keys.sign(assistantId, userId);
  const signedAtMs = performance.timeOrigin + performance.now();
  const signature = { assistant_id: assistantId, user_id: userId, hash, signed_at_ms: signedAtMs };
  hashes.push({ signature, fresh: isFresh });
  if (version < (newest.get(assistantId) ?? 0)) wentBack += 1;
  newest.set(assistantId, version);
  signed += 1;
};

const perTick = (Number(PER_SECOND) * TICK_MS) / 1000;
let due = 0;
let turn = 0;
const ids = await keys.assistantIds();
if (perTick > 0) {
  setInterval(() => {
    for (due += perTick; due >= 1; due -= 1) {
      const assistantId = ids[turn++ % ids.length]!;
      sign(assistantId, `user-${turn}`).catch(() => (failed += 1));
    }
  }, TICK_MS);
  setInterval(() => void check(), CHECK_EVERY_MS);
}

const report = async (): Promise<void> => {
  await check();
  const { keys: held, isFresh } = await keys.held();
  write({ report: { keys: held, upToDate: isFresh, signed, failed, wentBack, results: results.splice(0) } });
};
process.on('SIGUSR2', () => void report());
write({ ready: true, size: ids.length });
