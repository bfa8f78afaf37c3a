import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  baseEnvironment,
  type Child,
  freePort,
  inCheck,
  programArguments,
  type Program,
  startChild,
} from '@rekey/testing';
import { connect, eventually, startSystem, type System } from '../support/system.ts';
import { useFolder } from '../support/temporary-folder.ts';

let system: System;
let children: Child[];
const folder = useFolder('logs');
/** A named pipe that is open for reading and full. */
let fullPipe: string;
let reader: number;
const fill = (fd: number) => {
  try {
    for (;;) writeSync(fd, Buffer.alloc(4096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
};
beforeAll(async () => {
  fullPipe = join(folder(), 'pipe');
  execFileSync('mkfifo', [fullPipe]);
  reader = openSync(fullPipe, constants.O_RDWR | constants.O_NONBLOCK);
  fill(reader);
});
afterAll(async () => {
  closeSync(reader);
});
beforeEach(async () => {
  system = await startSystem({ worker: false });
  children = [];
});
afterEach(async () => {
  for (const child of children) await child.kill();
  await system.stop();
});

/** Starts an app with its standard output and error redirected. */
const start = (app: Program, redirection: string, env: Record<string, string>): Child => {
  const command = [process.execPath, ...programArguments(app)];
  const child = startChild('bash', ['-c', `exec "$@" ${redirection}`, 'bash', ...command], {
    env: { ...baseEnvironment(), ...system.environment, ...env },
  });
  children.push(child);
  return child;
};

const metric = async (address: string, name: string): Promise<number> =>
  Number(
    new RegExp(`^${name} (.+)$`, 'm').exec(await (await fetch(`http://${address}/metrics`)).text())?.[1],
  );
const isServing = (url: string) =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );

describe('a worker and a gateway that cannot write their log', () => {
  const outputs: [name: string, redirection: string, lost: number][] = [
    ['a full disk', '> /dev/full 2>&1', 1],
    ['a reader that is gone', '> >(exec true) 2>&1', 1],
    // As with a log collector that is stopped or hangs. A process keeps 1 MiB of lines before it drops any.
    ['a reader that does not read', '> "$FULL_PIPE" 2>&1', 0],
  ];
  it.each(inCheck(['a full disk', 'a reader that does not read'], outputs))(
    'rotate, count dropped lines, and exit with 0 on SIGTERM: %s',
    async (_what, redirection, lost) => {
      const [grpc, health] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
      const timing = {
        FULL_PIPE: fullPipe,
        LOG_LEVEL: 'trace',
        GRPC_ADDRESS: grpc,
        WORKER_HEALTH_ADDRESS: health,
      };
      const worker = start('worker', redirection, timing);
      const gateway = start('gateway', redirection, timing);
      const client = connect(grpc);
      try {
        await eventually(() => isServing(`http://${health}/healthz`), Boolean, 30_000);
        await eventually(
          () =>
            client.getStatus().then(
              () => true,
              () => false,
            ),
          Boolean,
          30_000,
        );
        const rotations = await Promise.all(
          Array.from({ length: 40 }, (_, i) =>
            client.rotateSecretKey({ orgId: 'org_demo', assistantId: `ast_${i + 1}` }),
          ),
        );
        for (const { id } of rotations)
          expect(await client.waitRotation({ id, timeoutMs: 20_000 }, { deadlineMs: 25_000 })).toMatchObject({
            state: 'SUCCEEDED',
          });
        expect(await metric(health, 'rekey_log_lines_dropped_total')).toBeGreaterThanOrEqual(lost);
        expect(await Promise.all([worker.stop(30_000), gateway.stop(30_000)])).toEqual([0, 0]);
      } finally {
        client.close();
      }
    },
    120_000,
  );

  it('say why they cannot start, without a stack', async () => {
    const taken = system.gateway.ready['address']!;
    const gateway = start('gateway', '> /dev/full', { GRPC_ADDRESS: taken });
    let err = '';
    gateway.process.stderr?.on('data', (chunk) => (err += chunk));
    expect(await gateway.exited).toEqual({ code: 1, signal: null });
    expect(err).toMatch(
      new RegExp(
        `^gateway: could not start: cannot listen on ${taken} \\(GRPC_ADDRESS\\): ` +
          'port \\d+ is in use by process \\d+.*\\n$',
      ),
    );
  });
});
