import { chmod, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { App } from '@rekey/testing';
import { startRekey } from '../support/rekey.ts';
import { connect, eventually, startSystem, type System } from '../support/system.ts';
import { useFolder } from '../support/temporary-folder.ts';

const folder = useFolder('archive');
const path = () => join(folder(), 'archive');

let system: System;
beforeAll(async () => {
  const gateway = { REKEY_ARCHIVE_REQUIRED: 'true' };
  system = await startSystem({ worker: false, gateway });
});
afterAll(() => system.stop());

const rekey = (...args: Parameters<typeof startRekey>) => startRekey(...args).result;
const startWorker = (): Promise<App> =>
  system.startWorker({ REKEY_ARCHIVE_DIR: path(), REKEY_ARCHIVE_REQUIRED: 'true' });
const codes = async () => (await system.client.getStatus()).attention.map(({ code }) => code);
const refused = () =>
  system.rotate('ast_1').then(
    () => 'accepted',
    (error: { code: string }) => error.code,
  );

/** The lines of the closed segments. */
const archived = async (): Promise<any[]> => {
  const names = (await readdir(path())).filter((name) => /^\d{10}\.jsonl$/.test(name)).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(path(), name), 'utf8')));
  return texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line));
};

const verify = async (...options: string[]) =>
  rekey(system, ['audit', 'verify', path(), '--public-key', join(folder(), 'rekey.pub.json'), ...options]);

it('everything is archived once, over a killed worker, and proved by the command line', async () => {
  // Nothing is accepted before an archive exists.
  expect(await eventually(refused, (code) => code !== 'accepted')).toBe('ARCHIVE_BEHIND');
  // Nor does a worker send anything that another gateway has accepted.
  const gateway = await system.startGateway();
  const client = connect(gateway.ready['address']!);
  const idle = await system.startWorker({ REKEY_ARCHIVE_REQUIRED: 'true' });
  const { id: waiting } = await client.rotateSecretKey({ orgId: 'org_demo', assistantId: 'ast_6' });
  const held = await eventually(
    () => client.getRotation(waiting),
    ({ error }) => error !== undefined,
  );
  expect(held).toMatchObject({ state: 'QUEUED', error: { reason: 'ARCHIVE_BEHIND' } });
  await idle.child.stop();
  client.close();
  const first = await startWorker();
  expect(await system.waitFor(waiting)).toMatchObject({ state: 'SUCCEEDED' });
  await eventually(refused, (code) => code === 'accepted');
  for (const id of ['ast_2', 'ast_3']) await system.rotateAndWait(id);
  await first.child.kill();
  const second = await startWorker();
  for (const id of ['ast_4', 'ast_5', 'ast_1']) await system.rotateAndWait(id);
  const versions = await system.versions();
  // The lock of the killed worker ends first.
  await second.untilOutput(/archive_opened/);
  await second.child.stop();

  const { code, out } = await rekey(system, ['key-file', 'public', system.keyFile]);
  expect(code).toBe(0);
  await writeFile(join(folder(), 'rekey.pub.json'), out);
  const lines = await archived();
  const events = lines.filter(({ stream, entry }) => stream === 'events' && entry.data.fingerprint);
  expect(events.map(({ entry }) => entry.id)).toEqual(versions.map(({ id }) => id));
  expect(JSON.stringify(lines)).not.toContain('ciphertext');
  const records = lines.filter(({ stream }) => stream === 'activity').map(({ position }) => position);
  const stored = await system.redis.xrange('{rekey}:activity', '-', '+');
  expect(records).toEqual(stored.map(([id]) => id));

  const [last] = (await system.redis.xrevrange('{rekey}:events', '+', '-', 'COUNT', 1))[0]!;
  const whole = await verify('--json', '--position', `events:${last}`);
  expect(whole).toMatchObject({ code: 0 });
  expect(whole.json().at(-1)).toMatchObject({ result: { ok: true, gaps: 0, histories: 0 } });
  expect((await verify('--position', 'events:99999999999999-0')).out).toMatch(/^cut-end: /);
  await chmod(join(path(), '0000000001.jsonl'), 0o600);
  const text = await readFile(join(path(), '0000000001.jsonl'), 'utf8');
  await writeFile(join(path(), '0000000001.jsonl'), text.replace('ast_', 'AST_'));
  expect(await verify()).toMatchObject({
    code: 1,
    out: expect.stringContaining('line-changed: 0000000001.jsonl'),
  });
  await writeFile(join(path(), '0000000001.jsonl'), text);
});

it('a folder that cannot be written is an alarm, and ends when it can', async () => {
  await chmod(path(), 0o777);
  await startWorker();
  await eventually(codes, (found) => found.includes('ARCHIVE_FAILED'), 30_000);
  await chmod(path(), 0o700);
  await eventually(codes, (found) => !found.some((code) => String(code).startsWith('ARCHIVE')), 30_000);
  expect(await codes()).not.toContain('ARCHIVE_FAILED');
});
