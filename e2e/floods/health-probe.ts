import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientHttp2Session } from 'node:http2';
import { beginCall, connectHttp2, framed, statusOf } from './raw-connection.ts';

/*
 * A process of its own, so that nothing but the gateway delays it: checks the health of the gateway at an
 * address, in turn on a connection that stays and on a new one. Writes a line for each check: how long it
 * took, in ms, or `failed`.
 */

const EVERY_MS = 50;
const WITHIN_MS = 5000;
const [address = ''] = process.argv.slice(2);

const check = async (session: ClientHttp2Session): Promise<boolean> => {
  const call = beginCall(session, '/grpc.health.v1.Health/Check', framed(), { end: true });
  if (!call) return false;
  const late = sleep(WITHIN_MS, undefined, { ref: false });
  return (await Promise.race([statusOf(call), late])) === 0;
};

let kept = await connectHttp2(address);
process.stdout.write('{"event":"ready"}\n');
for (let turn = 0; ; turn += 1) {
  const beganMs = performance.now();
  const isNew = turn % 2 === 1;
  if (!isNew && (kept.closed || kept.destroyed)) kept = await connectHttp2(address);
  const session = isNew ? await connectHttp2(address) : kept;
  const healthy = await check(session);
  const tookMs = performance.now() - beganMs;
  if (isNew) session.destroy();
  process.stdout.write(healthy ? `${tookMs.toFixed(1)}\n` : 'failed\n');
  await sleep(Math.max(EVERY_MS - tookMs, 0));
}
