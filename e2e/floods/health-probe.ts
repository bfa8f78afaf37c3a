import { get } from 'node:http';
import { setPriority } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientHttp2Session } from 'node:http2';
import { beginCall, connectHttp2, framed, statusOf } from './raw-connection.ts';

/*
 * A process of its own, so that nothing but the gateway delays it: checks the health of a gateway. It asks
 * grpc.health.v1 on a connection that stays (`kept`), and on a new one each time (`new`), and GET /healthz on
 * a new one each time (`http`). Writes a line for each check: which, how long it took in ms or `Infinity` if
 * it failed, and how long this process itself was held up meanwhile, in ms.
 */

const EVERY_MS = 50;
const WITHIN_MS = 5000;
const [address = '', healthAddress = ''] = process.argv.slice(2);

// Otherwise it waits for a core behind the flood. Only root may.
try {
  setPriority(-15);
} catch {}

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();

const check = async (session: ClientHttp2Session): Promise<boolean> => {
  const call = beginCall(session, '/grpc.health.v1.Health/Check', framed(), { end: true });
  if (!call) return false;
  const late = sleep(WITHIN_MS, undefined, { ref: false });
  return (await Promise.race([statusOf(call), late])) === 0;
};

/** Whether /healthz is 200 in time, on a connection of its own. */
const checkHttp = (): Promise<boolean> =>
  new Promise((resolve) => {
    const request = get(
      `http://${healthAddress}/healthz`,
      { agent: false, timeout: WITHIN_MS },
      (response) => {
        response.resume();
        response.once('close', () => resolve(response.complete && response.statusCode === 200));
      },
    );
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
  });

const repeat = async (name: string, one: () => Promise<boolean>): Promise<never> => {
  for (;;) {
    const beganMs = performance.now();
    const isHealthy = await one();
    const tookMs = performance.now() - beganMs;
    const heldUpMs = delay.max / 1e6;
    delay.reset();
    process.stdout.write(`${name} ${isHealthy ? tookMs.toFixed(1) : 'Infinity'} ${heldUpMs.toFixed(1)}\n`);
    await sleep(Math.max(EVERY_MS - tookMs, 0));
  }
};

let kept = await connectHttp2(address);
process.stdout.write('{"event":"ready"}\n');
void repeat('kept', async () => {
  if (kept.closed || kept.destroyed) kept = await connectHttp2(address);
  return check(kept);
});
void repeat('new', async () => {
  const session = await connectHttp2(address);
  const isHealthy = await check(session);
  session.destroy();
  return isHealthy;
});
void repeat('http', checkHttp);
