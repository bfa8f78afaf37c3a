import { spawnSync } from 'node:child_process';
import {
  chmod,
  lstat,
  mkdir,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  begin,
  closeAll,
  failOnce,
  reasonOf,
  temporaryFolder,
  until,
  type AgentFixture,
} from '../agent-fixture.ts';
import { createFakeKeys, type FakeKeys } from '../keys-fixture.ts';
import { createReport } from '../report/report.ts';
import { noCounts } from './output.ts';

afterEach(closeAll);

const read = (path: string) => readFile(path, 'utf8');
const jsonOf = async (path: string) =>
  (JSON.parse(await read(path)) as { assistants: Record<string, object> }).assistants;
const acknowledged = ({ keys }: AgentFixture) =>
  until(() => keys.acknowledged === keys.seq, 'an acknowledgement');
/** Two assistants that exist before the agent. */
const two = (): FakeKeys => {
  const keys = createFakeKeys();
  keys.publish('ast_1', 'sk_1');
  keys.publish('ast_2', 'sk_2', { orgId: 'org_2' });
  return keys;
};
const withFile = (file: object, keys = two(), more: object = {}) =>
  begin((folder) => ({ files: [{ path: join(folder, 'out'), ...file }], ...more }), { keys });

describe('a file', () => {
  it('of JSON has each key with its version, and changes with it before that is acknowledged', async () => {
    const agent = await withFile({ format: 'json' });
    const path = join(agent.folder, 'out');
    await acknowledged(agent);
    expect(await jsonOf(path)).toEqual({
      ast_1: { org_id: 'org_1', version: 1, state: 'held', uncertain: false, secret_key: 'sk_1' },
      ast_2: { org_id: 'org_2', version: 2, state: 'held', uncertain: false, secret_key: 'sk_2' },
    });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    agent.keys.publish('ast_1', 'sk_1b', { uncertain: true });
    await acknowledged(agent);
    expect((await jsonOf(path))['ast_1']).toMatchObject({ version: 3, secret_key: 'sk_1b', uncertain: true });
    expect((await readdir(agent.folder)).toSorted()).toEqual(['out', 's.sock']);
  });

  it('is never half written: readers see whole files while keys change', async () => {
    const agent = await withFile({ format: 'json' });
    await acknowledged(agent);
    for (let i = 0; i < 300; i += 1) {
      agent.keys.publish(`ast_${i % 7}`, `sk of ${i}`);
      expect(Object.keys(await jsonOf(join(agent.folder, 'out'))).length).toBeGreaterThanOrEqual(2);
    }
    await acknowledged(agent);
    expect((await jsonOf(join(agent.folder, 'out')))['ast_5']).toMatchObject({ secret_key: 'sk of 299' });
  });

  it.each([
    ['json', []],
    ['key-files', ['keys']],
  ])(
    'of an agent before this one is synced with its folder before that is acknowledged: %s',
    async (format, under) => {
      const folder = await temporaryFolder();
      const configure = () => ({ files: [{ path: join(folder, 'keys'), format }] });
      const first = await begin(configure, { keys: two() });
      await acknowledged(first);
      await first.agent.close();
      await failOnce('sync', join(folder, ...under));
      const second = await begin(configure, { keys: two() });
      await until(() => second.keys.lastFailure?.includes('EIO') === true, 'a failure');
      await acknowledged(second);
      expect(second.events.map(({ event }) => event)).not.toContain('agent_output_written');
    },
  );

  it('is written at once after each change, if changes come one at a time', async () => {
    const keys = createFakeKeys();
    for (let i = 0; i < 3000; i += 1) keys.publish(`ast_${i}`, `sk_${i}`);
    const agent = await withFile({ format: 'json' }, keys);
    await acknowledged(agent);
    const beganMs = performance.now();
    for (let i = 0; i < 5; i += 1) {
      keys.publish(`ast_${i}`, `sk of ${i}`);
      await acknowledged(agent);
    }
    const tookMs = performance.now() - beganMs;
    const writes = agent.events.filter(({ event }) => event === 'agent_output_written').slice(1);
    expect(writes.length).toBe(5);
    const inWritesMs = writes.reduce((sum, { fields }) => sum + Number(fields['took_ms']), 0);
    expect(tookMs).toBeLessThan(4 * (inWritesMs + 5));
  });

  it('of dotenv is read alike by a shell, for ids and keys with any characters', async () => {
    const keys = createFakeKeys();
    const ids = ['ast_1', 'ast-1', 'ast__1', 'ast_', 'ä$`', 'ast_named'];
    for (const id of ids) keys.publish(id, `key of "${id}" $HOME \`x\` #`.replaceAll("'", ''));
    const agent = await withFile({ format: 'dotenv', names: { BILLING: 'ast_named' } }, keys);
    await acknowledged(agent);
    const names = [
      'REKEY_KEY_ast_1',
      'REKEY_KEY_ast__2D1',
      'REKEY_KEY_ast__5F_1',
      'REKEY_KEY_ast__5F',
      'REKEY_KEY___C3__A4__24__60',
      'BILLING',
    ];
    const shown = names.map((name) => `"$${name}"`).join(' ');
    const script = `. ${join(agent.folder, 'out')}; printf '%s\\n' ${shown}`;
    const { stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
    expect(stdout.trimEnd().split('\n')).toEqual(ids.map((id) => `key of "${id}" $HOME \`x\` #`));
  });

  it('of dotenv is not written with a key that readers would read differently', async () => {
    const keys = two();
    const agent = await withFile({ format: 'dotenv' }, keys);
    await acknowledged(agent);
    keys.publish('ast_3', "it's");
    await until(() => keys.lastFailure?.includes('a quote') === true, 'a failure');
    expect(keys.lastFailure).not.toContain("it's");
    expect(await read(join(agent.folder, 'out'))).toBe('REKEY_KEY_ast_1=sk_1\nREKEY_KEY_ast_2=sk_2\n');
    expect(keys.acknowledged).toBe(2);
  });

  it('of a template has what the template makes of the keys', async () => {
    const folder = await temporaryFolder();
    const template = join(folder, 'keys.liquid');
    const loop = '{% for a in assistants %}{{ a.assistant_id }}:{{ a.secret_key }};{% endfor %}';
    await writeFile(template, `${loop}{% if by_id.ast_9 %}never{% endif %}{{ by_id.ast_1.version }}`);
    const agent = await withFile({ format: 'template', template });
    await acknowledged(agent);
    expect(await read(join(agent.folder, 'out'))).toBe('ast_1:sk_1;ast_2:sk_2;1');
  });

  it.each([
    ['{% for a in assistants %}\n\n{{ a.secret_key }', 'line:3'],
    ['{{ 1 | execute }}', 'line:1'],
    ['{% include "/etc/passwd" %}\n', 'line:1'],
  ])('of a wrong template is refused at the start, with its place: %p', async (text, place) => {
    const template = join(await temporaryFolder(), 'keys.liquid');
    await writeFile(template, text);
    const failed = await withFile({ format: 'template', template }).then(
      async (agent) => {
        await until(() => agent.keys.lastFailure !== undefined, 'a failure');
        return { code: 'BAD_TEMPLATE', message: agent.keys.lastFailure! };
      },
      (error: Error) => error,
    );
    expect(failed).toMatchObject({ code: 'BAD_TEMPLATE', message: expect.stringContaining(place) });
  });

  it('names the selected assistants alone, also after one has moved', async () => {
    const agent = await withFile({ format: 'json', orgs: ['org_2'] });
    const path = join(agent.folder, 'out');
    await acknowledged(agent);
    expect(Object.keys(await jsonOf(path))).toEqual(['ast_2']);
    agent.keys.publish('ast_2', 'sk_2', { orgId: 'org_3' });
    await acknowledged(agent);
    expect(await jsonOf(path)).toEqual({});
  });

  it('leaves out a removed key, or shows it empty: never the older one', async () => {
    const keys = two();
    const agent = await begin(
      (folder) => ({
        files: [
          { path: join(folder, 'deleted'), format: 'json' },
          { path: join(folder, 'emptied'), format: 'json', on_removed: 'empty' },
        ],
      }),
      { keys },
    );
    keys.remove('ast_1');
    keys.makeUnreadable('ast_2');
    await acknowledged(agent);
    expect(await jsonOf(join(agent.folder, 'deleted'))).toEqual({});
    expect(await jsonOf(join(agent.folder, 'emptied'))).toMatchObject({
      ast_1: { state: 'removed', secret_key: '' },
      ast_2: { state: 'unreadable', secret_key: '' },
    });
  });

  it('is not written again with the same content; what a killed agent left is removed', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'keys.json');
    const configure = () => ({ files: [{ path, format: 'json' }] });
    const first = await begin(configure, { keys: two() });
    await acknowledged(first);
    await first.agent.close();
    const before = await stat(path);
    await writeFile(join(folder, '.keys.json.rekey-0123456789ab.tmp'), 'half a fi');
    await writeFile(join(folder, '.other.rekey-0123456789ab.tmp'), 'of another program');
    const second = await begin(configure, { keys: two() });
    await acknowledged(second);
    expect((await stat(path)).ino).toBe(before.ino);
    expect((await readdir(folder)).toSorted()).toEqual(['.other.rekey-0123456789ab.tmp', 'keys.json']);
    await second.agent.close();
    await chmod(path, 0o644);
    await acknowledged(await begin(configure, { keys: two() }));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
});

it('that was not written yet, or is late, is no reason for /healthz to be ok', () => {
  const keys = { freshness: () => ({ upToDate: true }), keys: { size: 1, unapplied: { count: 0 } } };
  const healthWith = (counts: object, dueForMs: number) => {
    const dueSinceMs = () => performance.now() - dueForMs;
    const output = { name: 'keys.json', failure: () => undefined, counts: () => counts, dueSinceMs };
    const report = createReport({ keys, outputs: [output], staleAfterMs: 3000 } as never);
    return [report.health().isHealthy, JSON.parse(report.health().json)];
  };
  expect(healthWith(noCounts(), 10)).toMatchObject([
    false,
    { status: 'starting', pending_outputs: ['keys.json'] },
  ]);
  const written = { ...noCounts(), writtenAtMs: Date.now() };
  expect(healthWith(written, 10)).toMatchObject([true, { status: 'ok' }]);
  expect(healthWith(written, 4000)).toMatchObject([
    false,
    { status: 'output-late', late_outputs: ['keys.json'] },
  ]);
});

describe('a file where another program', () => {
  it('has made a link is replaced, and where the link leads to, nothing is', async () => {
    const folder = await temporaryFolder();
    const [path, elsewhere] = [join(folder, 'keys.json'), join(folder, 'elsewhere')];
    const configure = () => ({ files: [{ path, format: 'json' }] });
    const first = await begin(configure, { keys: two() });
    await acknowledged(first);
    await first.agent.close();
    await rename(path, elsewhere);
    await symlink(elsewhere, path);
    await acknowledged(await begin(configure, { keys: two() }));
    expect((await lstat(path)).isFile()).toBe(true);
  });

  it('has removed or changed is written again', async () => {
    const agent = await withFile({ format: 'json' });
    const path = join(agent.folder, 'out');
    await acknowledged(agent);
    const before = await read(path);
    await rm(path);
    await until(async () => (await read(path).catch(() => '')) === before, 'the file again');
    await writeFile(path, 'of another agent');
    await until(async () => (await read(path)) === before, 'the file again');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
});

/** As the kernel sees them, also for root. */
const mountable =
  spawnSync('sh', ['-c', 'd=$(mktemp -d) && mount -t tmpfs -o size=16k t $d && umount $d']).status === 0;
const mount = (folder: string, options: string) =>
  expect(spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]).status).toBe(0);

describe('a folder that cannot be written', () => {
  it('does not exist: the agent starts, alarms, does not acknowledge, and recovers', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'later', 'keys.json');
    const agent = await begin(() => ({ files: [{ path, format: 'json' }] }), { keys: two() });
    await until(() => agent.keys.lastFailure !== undefined, 'a failure');
    expect(agent.keys.lastFailure).toContain('the folder or file does not exist (ENOENT)');
    const health = await agent.call('GET', '/healthz');
    expect([health.status, health.json]).toMatchObject([503, { status: 'output-failed' }]);
    expect((await agent.call('GET', '/metrics')).text).toContain(
      `rekey_agent_output_failed{output="${path}"} 1`,
    );
    expect(agent.events.map(({ event }) => event)).toContain('agent_output_failed');
    expect(agent.keys.acknowledged).toBe(0);
    expect(
      reasonOf(await agent.call('POST', '/v1/assistants/ast_1/user-hash', { body: { user_id: 'u' } }))[0],
    ).toBe(200);
    await mkdir(join(folder, 'later'));
    await acknowledged(agent);
    expect(Object.keys(await jsonOf(path))).toEqual(['ast_1', 'ast_2']);
    expect((await agent.call('GET', '/healthz')).status).toBe(200);
  });

  const describeMountable = mountable ? describe : describe.skip;
  if (!mountable) console.warn('Skipped: a small disk needs the right to mount.');

  describeMountable('of a small disk', () => {
    it('is full or read-only: the old file stays whole, and nothing is acknowledged', async () => {
      const folder = await temporaryFolder();
      const disk = join(folder, 'disk');
      await mkdir(disk);
      mount(disk, 'size=16k');
      try {
        const path = join(disk, 'keys.json');
        const agent = await begin(() => ({ files: [{ path, format: 'json' }] }), { keys: two() });
        await acknowledged(agent);
        const before = await read(path);
        await writeFile(join(disk, 'ballast'), Buffer.alloc(64 * 1024)).catch(() => {});
        agent.keys.publish('ast_1', 'sk_1b');
        await until(
          () => agent.keys.lastFailure?.includes('the disk is full (ENOSPC)') === true,
          'a full disk',
        );
        expect(await read(path)).toBe(before);
        await rm(join(disk, 'ballast'));
        await acknowledged(agent);
        expect((await jsonOf(path))['ast_1']).toMatchObject({ secret_key: 'sk_1b' });
        mount(disk, 'remount,ro');
        agent.keys.publish('ast_1', 'sk_1c');
        await until(
          () => agent.keys.lastFailure?.includes('read-only (EROFS)') === true,
          'a read-only folder',
        );
        expect((await jsonOf(path))['ast_1']).toMatchObject({ secret_key: 'sk_1b' });
        expect(await readdir(disk)).toEqual(['keys.json']);
        await agent.agent.close();
      } finally {
        spawnSync('umount', ['-l', disk]);
      }
    });
  });
});
