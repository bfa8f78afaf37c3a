import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, inCheck, type Child } from '@rekey/testing';
import { refusal } from '../support/refusal.ts';
import { startRekey } from '../support/rekey.ts';
import { startSystem, type System } from '../support/system.ts';

/* Where a password of Redis could be read: debug logs of ioredis, errors, and the list of processes. */

const PASSWORD = 'hunter2-é/+ %';
const FORMS = [
  PASSWORD,
  encodeURIComponent(PASSWORD),
  Buffer.from(PASSWORD).toString('hex'),
  Buffer.from(PASSWORD).toString('base64'),
  'hunter2',
];
const expectNoPassword = (text: string): void => {
  for (const form of FORMS) expect(text).not.toContain(form);
};
/** The command line of a process, as `ps` shows it. */
const commandLine = async ({ pid }: Child): Promise<string> => readFile(`/proc/${pid}/cmdline`, 'utf8');

let system: System;
let folder: string;
let url: string;
const DEBUG = { DEBUG: 'ioredis:*', DEBUG_COLORS: 'no' };
const urlAs = (user: string, port: number, password = PASSWORD): string =>
  `redis://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}`;
const fileWith = async (name: string, text: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, `${text}\n`, { mode: 0o600 });
  return path;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-password-'));
  const port = await freePort();
  url = urlAs('rekey', port);
  const file = await fileWith('redis-url', url);
  system = await startSystem({
    redis: { port, args: ['--user', 'rekey', 'on', `>${PASSWORD}`, '~*', '&*', '+@all'] },
    timing: { REDIS_URL: '', REDIS_URL_FILE: file, ...DEBUG },
  });
});
afterAll(async () => {
  await system.stop();
  await rm(folder, { recursive: true });
});

describe('the password of Redis', () => {
  it('is taken from REDIS_URL_FILE, and shown by no debug log and no list of processes', async () => {
    expect(await system.rotateAndWait('ast_1')).toMatchObject({ state: 'SUCCEEDED' });
    const output = system.output();
    expect(output).toMatch(/ioredis:redis write command\[.*\]: 0 -> hello\(\[hidden\]\)/);
    expect(output).toMatch(/write command\[.*\]: 0 -> evalsha\(/);
    expectNoPassword(output);
    for (const { child } of [system.gateway, system.worker!]) expectNoPassword(await commandLine(child));
  });

  it('is shown by no error if Redis rejects it', async () => {
    const wrong = urlAs('rekey', system.redisServer.port, `${PASSWORD}x`);
    for (const app of ['gateway', 'worker'] as const)
      for (const env of [
        { REDIS_URL: wrong, REDIS_URL_FILE: '' },
        { REDIS_URL: '', REDIS_URL_FILE: await fileWith('wrong', wrong) },
      ]) {
        const { code, text } = await refusal(app, { ...system.environment, ...env });
        expect(code).toBe(1);
        expect(text).toContain('rejects the user or password of the URL (WRONGPASS)');
        expectNoPassword(text);
      }
  });

  it('is taken from REDIS_URL_FILE by rekey events and rekey doctor, which do not show it', async () => {
    const env = { ...system.environment, ...DEBUG, GRPC_ADDRESS: system.gateway.ready['address']! };
    const events = await startRekey(system, ['events', '--from', 'start', '--count', '1'], { env }).result;
    expect(events).toMatchObject({ code: 0, out: expect.stringContaining('seq 1') });
    const doctor = await startRekey(system, ['doctor'], { env }).result;
    expect(doctor.out).toMatch(/^ok +redis /m);
    expectNoPassword(events.err + doctor.out + doctor.err);
  });

  type Refused = [name: string, given: (file: string) => Record<string, string>, complaint: string];
  const refused: Refused[] = [
    ['both', (file) => ({ REDIS_URL: url, REDIS_URL_FILE: file }), 'cannot be given together'],
    ['a file with no URL', () => ({ REDIS_URL_FILE: '/dev/null' }), 'the file is empty'],
    ['no file', () => ({ REDIS_URL_FILE: '/hunter2' }), 'the file does not exist'],
  ];
  it.each(inCheck(['both'], refused))(
    'ends gateway, worker and rekey events at the start: %s',
    async (_what, given, complaint) => {
      const own = { REDIS_URL: '', ...given(await fileWith('right', url)) };
      for (const app of ['gateway', 'worker'] as const) {
        const { code, text } = await refusal(app, { ...system.environment, ...own });
        expect([code, text]).toEqual([1, expect.stringContaining(`REDIS_URL_FILE: ${complaint}`)]);
        expectNoPassword(text);
      }
      const { code, err } = await startRekey(system, ['events', '--count', '1'], { env: own }).result;
      expect([code, err]).toEqual([1, expect.stringContaining(`REDIS_URL_FILE: ${complaint}`)]);
      expectNoPassword(err);
    },
    60_000,
  );

  it('does not stay in the command line of rekey events --redis URL', async () => {
    const running = startRekey(system, ['events', '--redis', url, '--from', 'start']);
    await running.untilOut(/seq 1/);
    const shown = await commandLine(running.child);
    expect(shown).toMatch(/^rekey/);
    expectNoPassword(shown);
    await running.child.kill();
  });
});
