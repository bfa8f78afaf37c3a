import { existsSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import type { Logger } from '../logging/logger.ts';
import { startHealthServer } from './health-server.ts';

/*
 * A process with a health server, whose event loop can be blocked. Its arguments are the address and limits.
 * Its parent sends commands, and receives each log event and the name of each command that was carried out.
 */

const [address = '', limits = '{}'] = process.argv.slice(2);
const tell = (event: string, fields = {}): void => void process.send!({ event, ...fields });
let thread: Worker | undefined;
process.on('worker', (worker) => (thread = worker));
const logger = {
  event: (event: string, { err, ...fields }: { err?: Error } = {}) =>
    tell(event, { ...fields, ...(err && { err: err.message }) }),
} as unknown as Logger;

let rendered = 0;
const server = await startHealthServer({
  address,
  variable: 'GATEWAY_HEALTH_ADDRESS',
  metrics: async () => {
    rendered += 1;
    if (rendered === 2) throw new Error('no metrics');
    return `rendered ${rendered}\n`;
  },
  logger,
  limits: JSON.parse(limits),
});

/** What is reported again and again, as a probe of Redis does. */
let health: boolean | undefined;
const report = (isHealthy = health): void => {
  health = isHealthy;
  if (health !== undefined) server.report(health);
};
setInterval(report, 100).unref();

/** Blocks the event loop until a file exists. */
const block = (path: string): void => {
  tell('blocking');
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(path)) Atomics.wait(nothing, 0, 0, 20);
};

const commands: Record<string, (argument: string) => unknown> = {
  healthy: () => report(true),
  unhealthy: () => report(false),
  /** Nothing is reported any more. */
  silent: () => (health = undefined),
  block,
  endThread: () => thread?.terminate(),
  close: () => Promise.all([server.close(), server.close()]),
};
process.on('message', async ([command, argument]: [string, string]) => {
  await commands[command]!(argument);
  tell(command);
  if (command === 'close') process.disconnect();
});
tell('ready', { address: server.address });
