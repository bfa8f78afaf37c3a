import { subscribe } from '@rekey/subscriber';

/*
 * A service that signs. It signs PER_SECOND hashes a second for assistants in turn, and has the simulator
 * check each. On SIGUSR2 it writes the keys that it holds, and the results since the last SIGUSR2.
 */

const { REDIS_URL = '', CONSUMER = '', KEY_FILE = '', ADMIN = '', PER_SECOND = '0' } = process.env;
const TICK_MS = 10;
/** Hashes are checked in batches, so that the checks do not slow the system under test. */
const CHECK_EVERY_MS = 250;

const keys = await subscribe({
  redis: REDIS_URL,
  consumer: CONSUMER,
  privateKey: KEY_FILE,
  staleAfterMs: 1000,
});
const write = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);

interface Signed {
  assistant_id: string;
  user_id: string;
  hash: string;
  signed_at_ms: number;
}
const results: { key: number | null; stale_ms: number | null }[] = [];
const newest = new Map<string, number>();
let [signed, wentBack, unchecked] = [0, 0, 0];

let hashes: Signed[] = [];
const check = async (): Promise<void> => {
  if (hashes.length === 0) return;
  unchecked += 1;
  const body = JSON.stringify(hashes);
  hashes = [];
  const response = await fetch(`${ADMIN}/hashes`, { method: 'POST', body });
  results.push(...((await response.json()) as typeof results));
  unchecked -= 1;
};

const perTick = (Number(PER_SECOND) * TICK_MS) / 1000;
let due = 0;
let turn = 0;
const ids = [...keys.assistantIds()];
if (perTick > 0) {
  setInterval(() => {
    for (due += perTick; due >= 1; due -= 1) {
      const assistantId = ids[turn++ % ids.length]!;
      const userId = `user-${turn}`;
      const { userHash, version } = keys.signUserHashWithVersion(assistantId, userId);
      hashes.push({
        assistant_id: assistantId,
        user_id: userId,
        hash: userHash,
        signed_at_ms: performance.timeOrigin + performance.now(),
      });
      if (version < (newest.get(assistantId) ?? 0)) wentBack += 1;
      newest.set(assistantId, version);
      signed += 1;
    }
  }, TICK_MS);
  setInterval(() => void check(), CHECK_EVERY_MS);
}

process.on('SIGUSR2', () => {
  const report = () => {
    if (unchecked > 0 && perTick === 0) return void setTimeout(report, 20);
    const held = [...keys.assistantIds()].flatMap((id) => {
      const current = keys.current(id);
      return current?.state === 'held' ? [[id, current.secretKey] as const] : [];
    });
    write({
      report: {
        keys: Object.fromEntries(held),
        size: keys.size,
        upToDate: keys.freshness().upToDate,
        signed,
        wentBack,
        results: results.splice(0),
      },
    });
  };
  report();
});
write({ ready: true, size: keys.size });
