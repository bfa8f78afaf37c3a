import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { lineOf, resultOf, startChild, startRedis, type Child, type RedisServer } from '@rekey/testing';
import { FREE_PORTS, freshCopy } from '../support/fresh-copy.ts';

/* Which variables `npm start` passes on, and where secrets end up. */

let copy: Awaited<ReturnType<typeof freshCopy>>;
let redis: RedisServer;
let running: Child | undefined;
beforeAll(async () => {
  copy = await freshCopy();
  redis = await startRedis({ args: ['--requirepass', 'hunter5'] });
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
});
afterAll(async () => {
  await redis.dispose();
  await copy.dispose();
});

const environment = () =>
  Object.fromEntries(['PATH', 'HOME', 'XDG_CACHE_HOME'].map((name) => [name, process.env[name]]));
const run = (command: string[], env: Record<string, string>): Child =>
  startChild(command[0]!, command.slice(1), { cwd: copy.folder, env: { ...environment(), ...env } });
const npmStart = async (env: Record<string, string>): Promise<void> => {
  running = run(['npm', 'start'], { ...FREE_PORTS, INVENT_BASE_URL: 'http://127.0.0.1:1', ...env });
  await lineOf(running, (line) => (line.startsWith('Ctrl-C') ? line : undefined), 'npm start', 90_000);
};
/** The environment of each process that npm start has started. */
const environments = async (): Promise<Record<string, Record<string, string>>> => {
  const parts = (await readFile(join(copy.folder, '.rekey/parts'), 'utf8')).trim().split('\n');
  const entries = parts.map(async (line) => {
    const { name, pid } = JSON.parse(line) as { name: string; pid: number };
    const variables = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0').filter(Boolean);
    return [name, Object.fromEntries(variables.map((text) => /^([^=]*)=(.*)$/s.exec(text)!.slice(1)))];
  });
  return Object.fromEntries(await Promise.all(entries));
};
const fileWith = async (name: string, text: string): Promise<string> => {
  await writeFile(join(copy.parent, name), `${text}\n`, { mode: 0o600 });
  return join('..', name);
};

describe('npm start', () => {
  it('gives each process only the variables that it uses', async () => {
    await npmStart({
      INVENT_API_KEY: 'hunter2',
      HTTPS_PROXY: 'http://user:hunter3@127.0.0.1:1',
      SECRET_OF_ANOTHER_PROGRAM: 'hunter4',
      REKEY_TAKEOVER_AFTER_MS: '20000',
      REKEY_ALLOW_NEW_LEDGER: 'true',
    });
    const of = await environments();
    expect(Object.keys(of).toSorted()).toEqual(['gateway', 'redis', 'worker']);
    expect(JSON.stringify([of['redis'], of['gateway']])).not.toMatch(/hunter|INVENT|REKEY_KEY_FILE/);
    expect(Object.keys(of['redis']!).filter((name) => /REKEY|GRPC|npm/i.test(name))).toEqual([]);
    expect(of['gateway']).toMatchObject({ REKEY_ALLOW_NEW_LEDGER: 'true' });
    expect(of['worker']).toMatchObject({ INVENT_API_KEY: 'hunter2', REKEY_TAKEOVER_AFTER_MS: '20000' });
    expect(JSON.stringify(of)).not.toContain('hunter4');
  });

  it('passes on files of secrets and not their content, and so does rekey in its folder', async () => {
    await npmStart({
      INVENT_API_KEY_FILE: await fileWith('api-key', 'hunter2'),
      REDIS_URL_FILE: await fileWith('redis-url', redis.url.replace('://', '://:hunter5@')),
    });
    const of = await environments();
    expect(Object.keys(of).toSorted()).toEqual(['gateway', 'worker']);
    expect(JSON.stringify(of)).not.toContain('hunter');
    const note = JSON.parse(await readFile(join(copy.folder, '.rekey/running.json'), 'utf8'));
    expect(note).toMatchObject({
      environment: {
        INVENT_API_KEY_FILE: join(copy.parent, 'api-key'),
        REDIS_URL_FILE: join(copy.parent, 'redis-url'),
      },
      withheld: [],
    });
    const { out } = await resultOf(run(['npx', 'rekey', 'doctor'], {}));
    expect(out).toMatch(/^ok +redis /m);
    expect(out).not.toContain('hunter');
  });

  it('lets rekey take from a file what npm start does not store', async () => {
    const url = redis.url.replace('://', '://:hunter5@');
    await npmStart({ INVENT_API_KEY: 'hunter2', REDIS_URL: url });
    const rekey = (args: string[], env: Record<string, string>) =>
      resultOf(run(['npx', 'rekey', ...args], env));
    const events = await rekey(['events', '--count', '1'], {});
    expect([events.code, events.err]).toEqual([1, expect.stringContaining('REDIS_URL or REDIS_URL_FILE')]);
    const files = {
      REDIS_URL_FILE: await fileWith('redis-url', url),
      INVENT_API_KEY_FILE: await fileWith('api-key', 'hunter2'),
    };
    const { out } = await rekey(['doctor'], files);
    expect(out).toMatch(/^ok +redis /m);
    expect(out).not.toMatch(/does not store|hunter/);
  });

  it('refuses REDIS_URL beside REDIS_URL_FILE, and a file that others can read', async () => {
    const path = await fileWith('redis-url', redis.url);
    const start = (env: Record<string, string>) =>
      resultOf(run(['npm', 'start'], { ...FREE_PORTS, INVENT_API_KEY: 'k', ...env }));
    const both = await start({ REDIS_URL_FILE: path, REDIS_URL: redis.url });
    expect([both.code, both.err]).toEqual([
      1,
      expect.stringContaining('cannot be given together with REDIS_URL'),
    ]);
    await writeFile(join(copy.parent, 'open'), redis.url);
    await chmod(join(copy.parent, 'open'), 0o644);
    const open = await start({ REDIS_URL_FILE: join('..', 'open') });
    expect([open.code, open.err]).toEqual([
      1,
      expect.stringContaining('can be read by other users (mode 0644)'),
    ]);
  });
});
