import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, afterEach, describe, expect, it } from '@jest/globals';
import { createKeyFile, generateConsumerKey, loadKeyFile, type ConsumerKeyType } from '@rekey/sealing';
import { begin, closeAll, reasonOf, temporaryFolder, until } from '../agent-fixture.ts';
import { createFakeKeys } from '../keys-fixture.ts';

afterEach(closeAll);

let rekeys: object[];
beforeAll(async () => {
  const folder = await temporaryFolder();
  rekeys = await Promise.all(
    ['a', 'b'].map(async (name) => {
      await createKeyFile(join(folder, name));
      return (await loadKeyFile(join(folder, name))).signing.publicJwk;
    }),
  );
});

/** A folder with a key file, and an agent that has written its cache there. */
const withCache = async (type: ConsumerKeyType = 'X25519') => {
  const folder = await temporaryFolder();
  const writeKeyFile = async (rekey = rekeys[0]!, own?: object) => {
    const key = own ?? (await generateConsumerKey(type));
    await writeFile(join(folder, 'key.json'), JSON.stringify({ keys: [key, rekey] }), { mode: 0o600 });
    return key;
  };
  const own = await writeKeyFile();
  const path = join(folder, 'cache');
  const configure = () => ({ key_file: join(folder, 'key.json'), cache: { path, every: '100ms' } });
  const keys = createFakeKeys();
  keys.publish('ast_1', 'sk_cached');
  keys.publish('ast_2', 'sk_2', { uncertain: true });
  keys.publish('ast_3', 'sk_3');
  keys.remove('ast_3');
  const first = await begin(configure, { keys });
  await until(
    () =>
      stat(path).then(
        () => true,
        () => false,
      ),
    'a cache',
  );
  await first.agent.close();
  return { path, configure, writeKeyFile, own };
};
/** Starts another agent over the cache. */
const restart = async (configure: () => Record<string, unknown>) => {
  const agent = await begin(configure);
  const refused = agent.events.find(({ event }) => event === 'agent_cache_refused');
  return { ...agent, restored: agent.keys.options!.restore, reason: refused?.fields['reason'] };
};
const hash = ({ call }: Awaited<ReturnType<typeof restart>>, id: string) =>
  call('POST', `/v1/assistants/${id}/user-hash`, { body: { user_id: 'u' } });

describe('the cache', () => {
  it.each(['X25519', 'P-256', 'shared'] as const)(
    'lets the agent start while Rekey is away, and says how old it is: %s',
    async (type) => {
      const { path, configure } = await withCache(type);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect(await readFile(path, 'latin1')).not.toContain('sk_cached');
      const agent = await restart(configure);
      expect(agent.events.map(({ event }) => event)).toContain('agent_cache_used');
      const { status, json } = await hash(agent, 'ast_1');
      expect([status, json]).toMatchObject([200, { version: 1, uncertain: false, source: 'cache' }]);
      expect(json['age_ms']).toBeGreaterThan(0);
      expect((await hash(agent, 'ast_2')).json).toMatchObject({ uncertain: true });
      expect(reasonOf(await hash(agent, 'ast_3'))).toEqual([404, 'KEY_REMOVED']);
      // It may have been added since.
      expect(reasonOf(await hash(agent, 'ast_4'))).toEqual([503, 'NOT_SYNCHRONIZED']);
      const health = await agent.call('GET', '/healthz');
      expect([health.status, health.json]).toMatchObject([
        503,
        { status: 'stale', source: 'cache', keys: 2 },
      ]);
      expect((await agent.call('GET', '/metrics')).text).toContain('rekey_agent_from_cache 1\n');
    },
  );

  it('is not written again with an age that is too young while Rekey is away', async () => {
    const { path, configure } = await withCache();
    const before = await readFile(path);
    const agent = await restart(configure);
    await agent.agent.close();
    expect(await readFile(path)).toEqual(before);
  });

  it('with any flipped byte is refused as damaged, or by what its first line says', async () => {
    const { path, configure } = await withCache();
    const good = await readFile(path);
    const lineEnd = good.indexOf('\n');
    const places = [
      5,
      40,
      lineEnd - 10,
      lineEnd,
      lineEnd + 1,
      Math.floor((lineEnd + good.length) / 2),
      good.length - 1,
    ];
    for (const place of places) {
      const bad = Buffer.from(good);
      bad[place]! ^= 1;
      await writeFile(path, bad);
      const { restored, reason, agent } = await restart(configure);
      expect(restored).toBeUndefined();
      expect([
        'DAMAGED',
        'UNKNOWN_FORMAT',
        'ANOTHER_CONSUMER',
        'ANOTHER_KEY_FILE',
        'ANOTHER_REKEY',
      ]).toContain(reason);
      expect(place > lineEnd ? reason : 'DAMAGED').toBe('DAMAGED');
      await agent.close();
      await writeFile(path, good);
    }
    for (const bad of [
      good.subarray(0, -1),
      good.subarray(0, lineEnd + 1),
      Buffer.concat([good, Buffer.from('x')]),
    ]) {
      await writeFile(path, bad);
      const { reason, agent } = await restart(configure);
      expect(reason).toBe('DAMAGED');
      await agent.close();
    }
  });

  it('of another consumer, key file or Rekey is refused by name', async () => {
    const { path, configure, writeKeyFile, own } = await withCache();
    const good = await readFile(path);
    const refusal = async (more: object = {}) => {
      await writeFile(path, good);
      const { restored, reason, agent } = await restart(() => ({ ...configure(), ...more }));
      expect(restored).toBeUndefined();
      await agent.close();
      return reason;
    };
    expect(await refusal({ consumer: 'shipping' })).toBe('ANOTHER_CONSUMER');
    expect(await refusal({ prefix: 'staging' })).toBe('ANOTHER_REKEY');
    await writeKeyFile(rekeys[1]!, own);
    expect(await refusal()).toBe('ANOTHER_REKEY');
    await writeKeyFile();
    expect(await refusal()).toBe('ANOTHER_KEY_FILE');
    // Its first line claims to be of this key file: the seal does not.
    const [line] = good.toString('latin1').split('\n');
    const forged = { ...(JSON.parse(line!) as object), kid: await kidOf(join(path, '..', 'key.json')) };
    await writeFile(
      path,
      Buffer.concat([Buffer.from(`${JSON.stringify(forged)}\n`), good.subarray(line!.length + 1)]),
    );
    expect((await restart(configure)).reason).toBe('DAMAGED');
  });

  it('that is a link, a folder or no cache is refused without being followed', async () => {
    const { path, configure } = await withCache();
    const elsewhere = `${path}.moved`;
    await writeFile(elsewhere, await readFile(path));
    for (const make of [(at: string) => symlink(elsewhere, at), (at: string) => mkdir(at)]) {
      const other = join(await temporaryFolder(), 'cache');
      await make(other);
      const { reason } = await restart(() => ({ ...configure(), cache: { path: other, every: '1h' } }));
      expect(reason).toBe('UNREADABLE');
    }
    await writeFile(path, 'x'.repeat(100_000));
    expect((await restart(configure)).reason).toBe('UNKNOWN_FORMAT');
  });

  it('that cannot be written is reported, and written when it can be', async () => {
    const { configure } = await withCache();
    const folder = join(await temporaryFolder(), 'later');
    const agent = await begin(() => ({
      ...configure(),
      cache: { path: join(folder, 'cache'), every: '100ms' },
    }));
    await until(async () => 'cache_failure' in (await agent.call('GET', '/healthz')).json, 'a failure');
    expect(agent.events.map(({ event }) => event)).toContain('agent_cache_failed');
    await mkdir(folder);
    await until(async () => !('cache_failure' in (await agent.call('GET', '/healthz')).json), 'a cache');
  });
});

const kidOf = async (keyFile: string): Promise<string> =>
  (JSON.parse(await readFile(keyFile, 'utf8')) as { keys: { kid: string }[] }).keys[0]!.kid;
