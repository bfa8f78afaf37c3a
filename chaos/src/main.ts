import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOptions } from './options.ts';
import { isAccepted, printJson, printText } from './print-verdict.ts';
import { startRun } from './run.ts';

/*
 * npm run chaos -- --rotations N --seed S: real gateway, workers and Redis, and a simulator with every fault
 * at once. Meanwhile processes, connections and Redis are killed at random. With --world odd the simulator
 * also answers wrongly, in episodes: it shows another org, hides keys, restores backups, lists nonsense. The
 * verdict at the end comes from the simulator's truth.
 */

const options = readOptions();
const { isTTY } = process.stderr;
const showProgress = (text: string) => process.stderr.write(isTTY ? `\r\u001b[K${text}` : `${text}\n`);

const folder = await mkdtemp(join(tmpdir(), 'rekey-chaos-'));
const startedMs = performance.now();
const run = await startRun(options, folder, showProgress);
let isStopping = false;
const stop = async () => {
  if (isStopping) return;
  isStopping = true;
  await run.stop();
  await rm(folder, { recursive: true, force: true });
};
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void stop().finally(() => process.exit(130)));

const result = await run.rotateAndJudge().finally(stop);
const seconds = Math.round((performance.now() - startedMs) / 1000);
if (isTTY) showProgress('');
const print = options.json ? printJson : printText;
print(options, result, seconds, (text) => process.stdout.write(text));
// Connections of the clients may still be open.
process.stdout.write('', () => process.exit(isAccepted(result) ? 0 : 1));
