import { copyFile, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { createKeyFile, generateConsumerKey, loadKeyFile } from '@rekey/sealing';
import { begin, closeAll, temporaryFolder, until } from '../agent-fixture.ts';
import { createFakeKeys } from '../keys-fixture.ts';

afterEach(closeAll);

const configured = async (format: 'json' | 'key-files') => {
  const folder = await temporaryFolder();
  await createKeyFile(join(folder, 'rekey'));
  const rekey = (await loadKeyFile(join(folder, 'rekey'))).signing.publicJwk;
  const own = await generateConsumerKey('X25519');
  await writeFile(join(folder, 'key.json'), JSON.stringify({ keys: [own, rekey] }), { mode: 0o600 });
  const [cache, out] = [join(folder, 'cache'), join(folder, 'out')];
  const configure = () => ({
    key_file: join(folder, 'key.json'),
    cache: { path: cache, every: '60s' },
    files: [{ path: out, format }],
  });
  const read = () => readFile(format === 'json' ? out : join(out, 'ast_1'), 'utf8').catch(() => '');
  /** An agent that has written both keys, and the cache of the first one only, as SIGKILL leaves it. */
  const runAndKill = async () => {
    const keys = createFakeKeys();
    keys.publish('ast_1', 'sk_old');
    const { agent } = await begin(configure, { keys });
    await until(() => stat(cache).then(Boolean, () => false), 'a cache');
    await new Promise((resolve) => setTimeout(resolve, 50));
    keys.publish('ast_1', 'sk_new');
    await until(() => keys.acknowledged === keys.seq, 'an acknowledgement');
    await copyFile(cache, `${cache}.killed`);
    await agent.close();
    await copyFile(`${cache}.killed`, cache);
  };
  return { configure, read, runAndKill, out };
};

it.each(['json', 'key-files'] as const)(
  'a newer file stays (%s) until Rekey has been reached, and is written before anything is acknowledged',
  async (format) => {
    const { configure, read, runAndKill } = await configured(format);
    await runAndKill();
    expect(await read()).toContain('sk_new');
    const keys = createFakeKeys();
    const { agent } = await begin(configure, { keys });
    await agent.settled();
    expect(keys.freshness()).toMatchObject({ restored: true });
    expect(await read()).toContain('sk_new');
    // A snapshot is applied one key after the other: until its end, the rest is of the cache.
    keys.publish('ast_1', 'sk_newest');
    await agent.settled();
    expect(await read()).toContain('sk_new');
    keys.set({ restored: false, upToDate: true, behindMs: 0 });
    await agent.settled();
    expect(await read()).toContain('sk_newest');
  },
);

it.each(['json', 'key-files'] as const)(
  'a file that is gone is written from the cache (%s)',
  async (format) => {
    const { configure, read, runAndKill, out } = await configured(format);
    await runAndKill();
    await rm(out, { recursive: true });
    const { agent } = await begin(configure, { keys: createFakeKeys() });
    await agent.settled();
    expect(await read()).toContain('sk_old');
  },
);
