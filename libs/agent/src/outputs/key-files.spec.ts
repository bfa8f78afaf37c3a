import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chown,
  link,
  lstat,
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
import { begin, closeAll, failOnce, temporaryFolder, until, type AgentFixture } from '../agent-fixture.ts';
import { createFakeKeys, type FakeKeys } from '../keys-fixture.ts';
import { openOwnedFiles } from './owned-files.ts';

afterEach(closeAll);

const read = (path: string) => readFile(path, 'utf8');
const acknowledged = ({ keys }: AgentFixture) =>
  until(() => keys.acknowledged === keys.seq, 'an acknowledgement');
const failed = ({ keys }: AgentFixture, why: string) =>
  until(() => keys.lastFailure?.includes(why) === true, why);
const namesIn = async (folder: string) =>
  (await readdir(folder)).filter((name) => !name.startsWith('.')).toSorted();
const two = (): FakeKeys => {
  const keys = createFakeKeys();
  keys.publish('ast_1', 'sk_1');
  keys.publish('ast_2', 'sk_2');
  return keys;
};
/** No key is held. */
const none = (): FakeKeys => {
  const keys = createFakeKeys();
  keys.publish('ast_9', 'sk_9');
  keys.remove('ast_9');
  return keys;
};
const withFile = (file: object, keys = two()) =>
  begin((folder) => ({ files: [{ path: join(folder, 'out'), ...file }] }), { keys });
/** Agents that write into the same folder. */
const sharing = async (more: object = {}) => {
  const folder = join(await temporaryFolder(), 'keys');
  const start = (keys = two(), config: object = {}) =>
    begin(() => ({ files: [{ path: folder, format: 'key-files', ...more }], ...config }), { keys });
  return { folder, start };
};

describe('one file a key', () => {
  it('follows no link, and a list that is a pipe is refused', async () => {
    const folder = await temporaryFolder();
    const [keyFolder, precious] = [join(folder, 'keys'), join(folder, 'precious')];
    await writeFile(precious, 'precious');
    const configure = () => ({ files: [{ path: keyFolder, format: 'key-files', on_removed: 'empty' }] });
    const agent = await begin(configure, { keys: two() });
    await acknowledged(agent);
    await rm(join(keyFolder, 'ast_1'));
    await symlink(precious, join(keyFolder, 'ast_1'));
    agent.keys.remove('ast_1');
    await acknowledged(agent);
    expect(await read(precious)).toBe('precious');
    expect((await lstat(join(keyFolder, 'ast_1'))).isSymbolicLink()).toBe(true);
    await agent.agent.close();
    await rm(join(keyFolder, '.rekey-agent.jsonl'));
    expect(spawnSync('mkfifo', [join(keyFolder, '.rekey-agent.jsonl')]).status).toBe(0);
    const next = await begin(configure, { keys: two() });
    await until(() => next.keys.lastFailure?.includes('cannot be read') === true, 'a failure');
  });

  it('never has the name of that of another assistant', async () => {
    const long = 'x'.repeat(250);
    const crafted = `sha256:${createHash('sha256').update(long).digest('hex')}`;
    const keys = createFakeKeys();
    for (const id of [long, crafted]) keys.publish(id, 'sk');
    const agent = await withFile({ format: 'key-files' }, keys);
    await acknowledged(agent);
    expect(await namesIn(join(agent.folder, 'out'))).toHaveLength(2);
  });

  it('has the key alone, under an escaped name that stays in the folder', async () => {
    const keys = two();
    for (const id of ['..x', 'ä', 'x'.repeat(250)]) keys.publish(id, `key of ${id.slice(0, 3)}`);
    const agent = await withFile({ format: 'key-files' }, keys);
    await acknowledged(agent);
    const folder = join(agent.folder, 'out');
    expect(await namesIn(folder)).toEqual([
      '%2E.x',
      '%C3%A4',
      'ast_1',
      'ast_2',
      expect.stringMatching(/^sha256%3A[0-9a-f]{64}$/),
    ]);
    expect(await read(join(folder, 'ast_1'))).toBe('sk_1');
    expect((await stat(join(folder, 'ast_1'))).mode & 0o777).toBe(0o600);
    keys.publish('ast_1', 'sk_1b');
    await acknowledged(agent);
    expect(await read(join(folder, 'ast_1'))).toBe('sk_1b');
  });

  it.each([
    ['delete', undefined],
    ['empty', ''],
    ['keep', 'sk_1'],
  ])('is treated as on_removed says when its key is gone: %s', async (policy, left) => {
    const agent = await withFile({ format: 'key-files', on_removed: policy });
    await acknowledged(agent);
    agent.keys.remove('ast_1', 'withdrawn');
    await acknowledged(agent);
    const path = join(agent.folder, 'out', 'ast_1');
    expect(await read(path).catch(() => undefined)).toBe(left);
    expect(await read(join(agent.folder, 'out', 'ast_2'))).toBe('sk_2');
  });

  it('is removed if its key went away while the agent did not run; files of others are left', async () => {
    const folder = await temporaryFolder();
    const configure = () => ({ files: [{ path: join(folder, 'keys'), format: 'key-files' }] });
    const first = await begin(configure, { keys: two() });
    await acknowledged(first);
    await first.agent.close();
    await writeFile(join(folder, 'keys', 'mine'), 'of another program');
    const keys = createFakeKeys();
    keys.publish('ast_2', 'sk_2b');
    await acknowledged(await begin(configure, { keys }));
    expect(await namesIn(join(folder, 'keys'))).toEqual(['ast_2', 'mine']);
  });
});

describe('a folder of files', () => {
  it('that ignores case has no key under the name of that of another assistant', async () => {
    const { folder, start } = await sharing();
    const agent = await start();
    await acknowledged(agent);
    agent.keys.publish('AST_2', 'sk of AST_2');
    await acknowledged(agent);
    agent.keys.remove('AST_2');
    await acknowledged(agent);
    // As such a folder shows it.
    await link(join(folder, '.rekey-agent.sock'), join(folder, '.REKEY-AGENT.SOCK'));
    agent.keys.publish('ast_1', 'sk_1b');
    await acknowledged(agent);
    agent.keys.publish('AST_1', 'sk of AST_1');
    await failed(agent, 'the folder ignores case: "AST_1" and "ast_1" would be one file');
    expect(await namesIn(folder)).toEqual(['ast_1', 'ast_2']);
    expect(await read(join(folder, 'ast_1'))).toBe('sk_1b');
    agent.keys.remove('AST_1');
    await acknowledged(agent);
  });

  it('keeps no key that is gone because its file could not be read for a while', async () => {
    const { folder, start } = await sharing();
    const agent = await start();
    await acknowledged(agent);
    await failOnce('stat', join(folder, 'ast_1'));
    agent.keys.remove('ast_1');
    await failed(agent, 'EIO');
    await acknowledged(agent);
    expect(await namesIn(folder)).toEqual(['ast_2']);
    expect(agent.events.map(({ event }) => event)).not.toContain('agent_file_left');
  });

  it('is that of one agent: another one alarms, and writes only after the first has ended', async () => {
    const { folder, start } = await sharing();
    const first = await start();
    await acknowledged(first);
    const only = createFakeKeys();
    only.publish('ast_3', 'sk_3');
    const second = await start(only);
    await failed(second, 'another agent writes into the folder');
    expect((await second.call('GET', '/healthz')).status).toBe(503);
    expect(await namesIn(folder)).toEqual(['ast_1', 'ast_2']);
    first.keys.publish('ast_1', 'sk_1b');
    await acknowledged(first);
    expect(await read(join(folder, 'ast_1'))).toBe('sk_1b');
    await first.agent.close();
    await acknowledged(second);
    expect(await namesIn(folder)).toEqual(['ast_3']);
  });

  it('that was removed, or replaced by another one, gets all files again with the next key', async () => {
    const { folder, start } = await sharing();
    const agent = await start();
    await acknowledged(agent);
    const changes = [() => rm(folder, { recursive: true }), () => rename(folder, `${folder}.before`)];
    for (const [i, change] of changes.entries()) {
      await change();
      agent.keys.publish('ast_1', `sk_1 of ${i}`);
      await acknowledged(agent);
      expect(await namesIn(folder)).toEqual(['ast_1', 'ast_2']);
      expect(await read(join(folder, 'ast_1'))).toBe(`sk_1 of ${i}`);
    }
    await failed(await start(), 'another agent writes into the folder');
  });

  it('of another consumer, or of another Rekey, is left alone', async () => {
    const { folder, start } = await sharing();
    const first = await start();
    await acknowledged(first);
    await first.agent.close();
    for (const other of [{ consumer: 'shop' }, { prefix: 'other' }]) {
      const second = await start(none(), other);
      await failed(second, 'the folder has the keys of the consumer "billing" of "rekey"');
      await second.agent.close();
    }
    expect(await namesIn(folder)).toEqual(['ast_1', 'ast_2']);
    await acknowledged(await start(none()));
    expect(await namesIn(folder)).toEqual([]);
  });

  it.each([['delete'], ['empty']])(
    'keeps a file that was replaced by another program: %s',
    async (policy) => {
      const { folder, start } = await sharing({ on_removed: policy });
      const agent = await start();
      await acknowledged(agent);
      await writeFile(join(folder, 'ast_1'), 'of another program');
      agent.keys.remove('ast_1');
      agent.keys.remove('ast_2');
      await acknowledged(agent);
      expect(await read(join(folder, 'ast_1'))).toBe('of another program');
      expect(await namesIn(folder)).toEqual(policy === 'delete' ? ['ast_1'] : ['ast_1', 'ast_2']);
      const left = agent.events.filter(({ event }) => event === 'agent_file_left');
      expect(left.map(({ fields }) => fields)).toEqual([{ output: folder, file: 'ast_1' }]);
    },
  );

  it('without its list keeps every file, and takes back those whose keys are held', async () => {
    const { folder, start } = await sharing();
    const first = await start();
    await acknowledged(first);
    await first.agent.close();
    await rm(join(folder, '.rekey-agent.jsonl'));
    const keys = createFakeKeys();
    keys.publish('ast_2', 'sk_2b');
    const second = await start(keys);
    await acknowledged(second);
    expect(await namesIn(folder)).toEqual(['ast_1', 'ast_2']);
    keys.remove('ast_2');
    await acknowledged(second);
    expect(await namesIn(folder)).toEqual(['ast_1']);
  });

  it('that a killed agent has left half written is cleared of its keys, old and new', async () => {
    const { folder, start } = await sharing();
    const first = await start();
    await acknowledged(first);
    await first.agent.close();
    // It was killed after it had recorded the next keys, and one of two files was written.
    const list = join(folder, '.rekey-agent.jsonl');
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    const next = ['ast_1', 'ast_2'].map((name) => JSON.stringify({ name, sha256: sha256(`${name} b`) }));
    await writeFile(list, `${await read(list)}${next.join('\n')}\n{"name":"ast_`);
    await writeFile(join(folder, 'ast_2'), 'ast_2 b');
    await acknowledged(await start(none()));
    expect(await namesIn(folder)).toEqual([]);
  });

  it('has a list that does not grow with each change, and forgets nothing that may be there', async () => {
    const folder = await temporaryFolder();
    const owner = { consumer: 'billing', prefix: 'rekey' };
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    const owned = await openOwnedFiles(folder, owner);
    const digests = Array.from({ length: 1200 }, (_, i) => sha256(`key ${i}`));
    await owned.record(new Map([['ast_2', sha256('other')]]));
    for (const digest of digests) {
      await owned.record(new Map([['ast_1', digest]]));
      if (digest !== digests.at(-1)) owned.confirm('ast_1', digest);
    }
    const lines = (await read(join(folder, '.rekey-agent.jsonl'))).split('\n');
    expect(lines.length).toBeLessThan(1100);
    const again = await openOwnedFiles(folder, owner);
    expect(digests.slice(-2).map((digest) => again.owns('ast_1', digest))).toEqual([true, true]);
    expect(again.owns('ast_2', sha256('other'))).toBe(true);
  });

  it('with a damaged list, or one that names files elsewhere, is left', async () => {
    const { folder, start } = await sharing();
    const first = await start();
    await acknowledged(first);
    await first.agent.close();
    const list = join(folder, '.rekey-agent.jsonl');
    const whole = await read(list);
    for (const text of [`${whole}{"name":"../out"}\n`, `${whole}x\n`, 'x\n', '']) {
      await writeFile(list, text);
      const second = await start(none());
      await failed(second, 'cannot be read or is not of this user');
      await second.agent.close();
    }
    expect(await namesIn(folder)).toEqual(['ast_1', 'ast_2']);
  });

  // Only root may give a file to another user.
  const describeAsRoot = process.geteuid!() === 0 ? describe : describe.skip;
  if (describeAsRoot === describe.skip) console.warn('Skipped: a list of another user needs root.');

  describeAsRoot('of which root can give away the list', () => {
    it('is left', async () => {
      const { folder, start } = await sharing();
      const first = await start();
      await acknowledged(first);
      await first.agent.close();
      await chown(join(folder, '.rekey-agent.jsonl'), 65534, 65534);
      await failed(await start(none()), 'cannot be read or is not of this user');
      expect(await namesIn(folder)).toEqual(['ast_1', 'ast_2']);
    });
  });
});
