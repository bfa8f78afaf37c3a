import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  baseEnvironment,
  programArguments,
  repositoryRoot,
  resultOf,
  startChild,
  type Program,
} from '@rekey/testing';
import { startSystem, type System } from '../support/system.ts';

/* Invalid variables and addresses, as a shell passes them to real processes. */

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

const argumentsOf = (app: string): string[] =>
  app === 'start'
    ? ['--conditions=@rekey/source', `${repositoryRoot}apps/start/src/main.ts`]
    : programArguments(app as Program);

/** Runs an app with variables that a shell assigns. */
const run = async (app: string, assignments: string, args: string[] = []) => {
  const { GRPC_ADDRESS: _free, ...environment } = system.environment;
  const command = [process.execPath, ...argumentsOf(app), ...args];
  const child = startChild('bash', ['-c', `export ${assignments}; exec "$@"`, 'bash', ...command], {
    env: {
      ...baseEnvironment(),
      GRPC_ADDRESS: system.gateway.ready['address'],
      ...(app === 'start' ? {} : environment),
    },
  });
  return resultOf(child);
};

const VALUES: [what: string, value: string, complaint: string][] = [
  ['not UTF-8', "$'hunter2\\xff'", 'must be UTF-8 text'],
  ['huge', '$(printf hunter2%.0s {1..15000})', 'must be at most 4096 characters long'],
  ['with a control character', "$'hunter2\\x1bhunter2'", 'must not contain control characters'],
];
const PROCESSES: [app: string, variable: string, args: string[]][] = [
  ['gateway', 'REDIS_URL', []],
  ['gateway', 'GRPC_ADDRESS', []],
  ['worker', 'INVENT_API_KEY', []],
  ['worker', 'REKEY_KEY_FILE', []],
  ['start', 'REDIS_PORT', []],
  ['start', 'GRPC_ADDRESS', []],
  ['rekey', 'GRPC_ADDRESS', ['status']],
  ['rekey', 'REKEY_PREFIX', ['events', '--count', '1']],
  ['rekey', 'REKEY_KEY_FILE', ['events', '--open', '--count', '1']],
];

describe.each(PROCESSES)('%s with %s', (app, variable, args) => {
  it.each(VALUES)(
    'that is %s exits with 1 and names the variable, without its value or a stack',
    async (_what, value, complaint) => {
      const { code, out, err } = await run(app, `${variable}=${value}`, args);
      expect(code).toBe(1);
      expect(err.replace(/:? must/, ' must')).toContain(`${variable} ${complaint}`);
      expect(out + err).not.toMatch(/hunter2|^\s+at /m);
    },
  );
});

describe('white space around a variable', () => {
  it('is ignored by a command', async () => {
    const { code, out } = await run('rekey', `GRPC_ADDRESS=$'  ${system.gateway.ready['address']}\\r\\n'`, [
      'health',
    ]);
    expect([code, out]).toEqual([0, 'SERVING\n']);
  });

  it('is ignored by a worker, whose API key comes from a file with a line end', async () => {
    const worker = await system.startWorker({
      INVENT_API_KEY: `${system.environment['INVENT_API_KEY']}\n`,
      REKEY_KEY_FILE: ` ${system.keyFile}\n`,
      LOG_LEVEL: ' debug ',
    });
    expect(await system.rotateAndWait('ast_5')).toMatchObject({ state: 'SUCCEEDED' });
    expect(await worker.child.stop(30_000)).toBe(0);
  });
});

describe('a URL instead of the address of a gateway', () => {
  it.each([
    'http://127.0.0.1:50051',
    'https://gateway:443/',
    'grpc://h:1',
    '127.0.0.1:50051/',
    '127.0.0.1',
    ':50051',
    'user:hunter2@h:1',
    '127.0.0.1:99999',
    'a b:1',
  ])(
    'is refused, with the right form: %s',
    async (address) => {
      const commands: [string, string, string[]][] = [
        ['rekey', `GRPC_ADDRESS='${address}'`, ['status']],
        ['rekey', 'X=1', ['health', '--gateway', address]],
        ['rekey', 'X=1', ['doctor', '--gateway', address]],
        ['gateway', `GRPC_ADDRESS='${address}'`, []],
      ];
      for (const [app, assignment, args] of commands) {
        const { code, out, err } = await run(app, assignment, args);
        expect(code).toBe(1);
        expect(err).toMatch(/(GRPC_ADDRESS:?|--gateway) must be HOST:PORT/);
        expect(out + err).not.toMatch(/hunter2|^\s+at /m);
      }
    },
    60_000,
  );
});

it('an address in use ends gateway, worker and simulator with a line that says what to change', async () => {
  const taken = system.gateway.ready['address']!;
  const port = taken.split(':')[1]!;
  for (const [app, assignment, args, what] of [
    ['gateway', `GRPC_ADDRESS=${taken}`, [], 'GRPC_ADDRESS'],
    ['gateway', `GATEWAY_HEALTH_ADDRESS=${taken}`, [], 'GATEWAY_HEALTH_ADDRESS'],
    ['worker', `WORKER_HEALTH_ADDRESS=${taken}`, [], 'WORKER_HEALTH_ADDRESS'],
    ['simulator', 'X=1', ['--port', port, '--admin-port', '0'], '--port'],
    ['simulator', 'X=1', ['--port', '0', '--admin-port', port], '--admin-port'],
  ] as [string, string, string[], string][]) {
    const { code, out, err } = await run(app, `LOG_LEVEL=info ${assignment}`, args);
    expect(code).toBe(1);
    expect(err).toMatch(new RegExp(`^${app}: (could not start: )?cannot listen on ${taken}.*${what}.*\\n$`));
    expect(out + err).not.toMatch(/^\s+at |"stack"/m);
  }
  expect(await system.client.getStatus()).toBeDefined();
});

describe('an unusable file', () => {
  it.each([
    ['worker', 'REKEY_KEY_FILE', '/no/such/file', 'does not exist'],
    ['worker', 'REKEY_KEY_FILE', '/dev/zero', 'is larger than 1048576 bytes'],
    ['worker', 'REKEY_KEY_FILE', '/dev/null', 'is empty'],
    ['worker', 'INVENT_API_KEYS_FILE', '/', 'is a folder'],
    ['worker', 'INVENT_API_KEYS_FILE', '/dev/zero', 'is larger than 67108864 bytes'],
    ['worker', 'INVENT_API_KEYS_FILE', '/no/such/file', 'does not exist'],
  ])(
    'ends a %s with one line that names %s, the path and the problem: %s',
    async (app, variable, path, complaint) => {
      const { code, err } = await run(
        app,
        `INVENT_API_KEY=${variable === 'REKEY_KEY_FILE' ? 'k' : ''} ${variable}=${path}`,
      );
      expect(code).toBe(1);
      expect(err).toMatch(
        new RegExp(`^${app}: could not start: ${variable}\\b.*"${path}".*${complaint}.*\\n$`),
      );
    },
  );

  it('ends a simulator in the same way', async () => {
    const { code, err } = await run('simulator', 'X=1', [
      '--port',
      '0',
      '--admin-port',
      '0',
      '--keep',
      '/no/such/folder/file',
    ]);
    expect([code, err]).toEqual([
      1,
      "simulator: --keep: ENOENT: no such file or directory, open '/no/such/folder/file.new'\n",
    ]);
  });
});

describe('the output of a command', () => {
  const piped = (redirection: string, args: string) =>
    run(
      'rekey',
      `REKEY="${[process.execPath, ...argumentsOf('rekey')].join(' ')}"
      set -o pipefail; $REKEY ${args} ${redirection}; echo "code $?" >&2; exit 0`,
    );

  it('may be read in part, and the command exits with 0', async () => {
    expect((await system.rotateAndWait('ast_6')).state).toBe('SUCCEEDED');
    expect((await system.rotateAndWait('ast_7')).state).toBe('SUCCEEDED');
    // The command follows the stream: it learns from its next write that its output has no reader. The stream
    // may be written before the reader leaves, so there must be events until the command ends.
    const following = piped('| head -n 1', 'events --from start');
    let result: Awaited<typeof following> | undefined;
    while (!result) {
      await system.rotateAndWait('ast_8');
      result = await Promise.race([following, undefined]);
    }
    expect(result.err).toBe('code 0\n');
  });

  it.each([
    [
      '> /dev/full',
      'error: standard output could not be written (ENOSPC). ' +
        'The command may have taken effect. (OUTPUT_FAILED)\ncode 1\n',
    ],
    ['2> /dev/full', 'code 0\n'],
    ['2> >(exec true)', 'code 0\n'],
  ])('goes to a full disk, or has no reader: %s', async (redirection, err) => {
    expect((await piped(redirection, 'list')).err).toBe(err);
  });
});
