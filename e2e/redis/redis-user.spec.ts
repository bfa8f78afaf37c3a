import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { missingRights } from '@rekey/ledger';
import { freePort, inCheck } from '@rekey/testing';
import { Redis } from 'ioredis';
import { bulksOf } from '../bulk/bulks.ts';
import { expectTruth } from '../support/invariants.ts';
import { refusal } from '../support/refusal.ts';
import { startRekey } from '../support/rekey.ts';
import { startSystem, type System, type SystemOptions } from '../support/system.ts';

let system: System | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

/** The rules that docs/guides/operate.md gives to the user of gateway and workers. */
const documentedRules = async (): Promise<string[]> => {
  const text = await readFile(new URL('../../docs/guides/operate.md', import.meta.url), 'utf8');
  return /^ACL SETUSER rekey (.*?)^```$/ms.exec(text)![1]!.trim().split(/\s+/);
};
const urlAs = (user: string, port: number): string => `redis://${user}:PASSWORD@127.0.0.1:${port}`;
const startAs = async (rules: string[], options: SystemOptions = {}): Promise<System> => {
  const port = await freePort();
  return startSystem({
    ...options,
    redis: { port, args: ['--user', 'rekey', ...rules] },
    timing: { REDIS_URL: urlAs('rekey', port) },
  });
};
/** Commands that need no right. */
const WITHOUT_RIGHT = ['auth', 'config', 'discard', 'hello', 'command'];

describe('the Redis user of docs/guides/operate.md', () => {
  it('suffices for gateway and workers, and each command that they send is checked at start', async () => {
    system = await startAs(await documentedRules());
    const { client, redis, redisServer } = system;
    await redis.config('RESETSTAT');
    expect(await system.rotateAndWait('ast_1')).toMatchObject({ state: 'SUCCEEDED' });
    const bulks = bulksOf(system);
    expect(await bulks.ended(await bulks.create({ orgId: 'org_demo', allAssistants: true }))).toMatchObject({
      state: 'COMPLETED',
    });
    await client.freeze({ reason: 'spec' });
    const waiting = await system.rotate('ast_2');
    await client.cancelRotation(waiting.id);
    await client.unfreeze();
    await client.getStatus();
    await client.listRotations();
    const sent = [...(await redis.info('commandstats')).matchAll(/^cmdstat_(\w+)/gm)]
      .map(([, name]) => name!)
      .filter((name) => !WITHOUT_RIGHT.includes(name));
    expect(await redis.acl('LOG')).toEqual([]);
    await expectTruth(system);

    expect(sent.length).toBeGreaterThan(50);
    for (const command of new Set(sent)) {
      await redis.acl('SETUSER', 'probe', 'reset', 'on', '>PASSWORD', '~*', '&*', '+@all', `-${command}`);
      const probe = new Redis(urlAs('probe', redisServer.port), { enableReadyCheck: false });
      expect([command, await missingRights(probe, 'rekey')]).toEqual([
        command,
        expect.arrayContaining([expect.stringContaining(command.toUpperCase())]),
      ]);
      probe.disconnect();
    }
  });
});

describe('a Redis user without a right', () => {
  const rights: [name: string, rules: string[], missing: string][] = [
    [
      'channels, as a new user of Redis 7 has none',
      ['resetchannels'],
      'PUBLISH on the channel {rekey}:bulk-changed',
    ],
    ['a command', ['-xadd'], 'the command XADD'],
    ['some of the keys', ['resetkeys', '~{rekey}:[^e]*'], 'the key {rekey}:events'],
    ['scripts', ['-@scripting'], 'the command EVAL'],
  ];
  it.each(inCheck(['a command', 'some of the keys'], rights))(
    'stops gateway, worker and doctor, which name the right: %s',
    async (_what, rules, missing) => {
      system = await startAs(await documentedRules(), { worker: false });
      const { redis, redisServer, environment } = system;
      await redis.acl('SETUSER', 'lean', 'on', '>PASSWORD', '~{rekey}:*', '&{rekey}:*', '+@all', ...rules);
      const env = { ...environment, REDIS_URL: urlAs('lean', redisServer.port) };
      for (const app of ['worker', 'gateway'] as const) {
        const { code, text } = await refusal(app, env);
        expect(code).toBe(1);
        expect(text).toContain(missing);
        expect(text).not.toContain('PASSWORD');
      }
      const { code, out } = await startRekey(system, ['doctor'], { env }).result;
      expect(code).toBe(1);
      expect(out.split('\n').filter((line) => /^fail +redis rights/.test(line))).toEqual([
        expect.stringContaining(missing),
      ]);
    },
    60_000,
  );
});
