import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createKeyFile, generateConsumerKey } from '@rekey/sealing';
import { repositoryRoot, type App } from '@rekey/testing';
import { Redis } from 'ioredis';
import { useCleanup } from '../support/cleanup.ts';
import { startRekey } from '../support/rekey.ts';
import { connect, eventually, startSystem, type System } from '../support/system.ts';
import { waitingWorker } from '../support/refusal.ts';
import { useFolder } from '../support/temporary-folder.ts';
import { addConsumer, newEntry, writerOn } from './registry-fixture.ts';
import { assistantsReadAs, heldBy, keyFileOf, outcomesOf, readAs, type OwnJwk } from './sdk-fixture.ts';

/*
 * What a client that can write to Redis could once obtain, seen from outside: with the SDK, with `rekey` and
 * with Redis commands. registry.spec.ts shows how each process reports and repairs it.
 */

const ORG = 'org_demo';
const SUB = 'org_demo_sub1';
const SIMULATED = { simulator: ['--assistants', '20', '--sub-orgs', '1'] };

let system: System;
/** A second Rekey, at first run by the attacker. */
let other: System;
let writer: ReturnType<typeof writerOn>;
let thief: object;
const folder = useFolder('writer');
const cleanup = useCleanup();

/** Adds a consumer until the case ends. Resolves with its key file. */
const addTo = async (to: System, name: string, orgs: string[], own?: OwnJwk): Promise<object> => {
  const added = await addConsumer(to, name, orgs, own);
  cleanup(() => to.client.removeConsumer(name));
  return keyFileOf(to, added);
};
const publish = async (orgId: string): Promise<void> => {
  await system.client.createSweep({ orgId });
  await eventually(
    () => system.redis.zcard(`{rekey}:assistants:${orgId}`),
    (published) => published === 20,
  );
};
/**
 * Rotates, however much was changed before: while a gateway puts back what is changed again and again, each
 * change of a consumer holds rotations back until a worker has proved it.
 */
const rotateAndWait = async (assistantId: string) => {
  const isContested = (err: unknown) => (err as { code?: string }).code === 'REGISTRY_CONTESTED';
  const accepted = await eventually(
    () =>
      system.rotate(assistantId).catch((err: unknown) => {
        if (!isContested(err)) throw err;
      }),
    (rotation) => rotation !== undefined,
  );
  return system.waitFor(accepted!.id);
};
/** Gives the workers the time to believe what was written, and to seal all records again for it. */
const untilSeen = async (): Promise<void> => {
  await sleep(600);
  await eventually(
    () => system.redis.hmget('{rekey}:ledger', 'readers', 'resealed'),
    ([wanted, done]) => wanted === done,
    2000,
  ).catch(() => {});
};

beforeAll(async () => {
  [system, other] = await Promise.all([startSystem(SIMULATED), startSystem(SIMULATED)]);
  writer = writerOn(system);
  await publish(ORG);
  await publish(SUB);
  thief = keyFileOf(system, await addConsumer(system, 'thief', [SUB]));
});
afterAll(async () => {
  await system?.stop();
  await other?.stop();
});

describe('a consumer that is written to Redis', () => {
  it('reads no key, and no record is sealed for it', async () => {
    const own = await generateConsumerKey('X25519');
    cleanup(() => system.client.removeConsumer('evil'));
    await writer.write('evil', await newEntry('evil', ['*'], own));
    expect(await assistantsReadAs(system, 'evil', keyFileOf(system, own))).toEqual([]);
    await rotateAndWait('ast_1');
    for (const id of ['ast_1', 'ast_2']) expect(await writer.recipientsOf(id)).toHaveLength(1);
  });
});

describe('a consumer of one org', () => {
  const isOfOther = (id: string) => !id.startsWith('ast_s1_');

  it('reads no other org after its entry was changed', async () => {
    cleanup(() => writer.write('thief', { orgs: [SUB] }));
    await writer.write('thief', { orgs: ['*'], state: 'ENROLLING' });
    // Believed, and all records sealed again; or restored.
    await eventually(
      () => writer.entryOf('thief'),
      ({ state }) => state === 'ACTIVE',
    );
    const ids = await assistantsReadAs(system, 'thief', thief);
    expect(ids.filter(isOfOther)).toEqual([]);
    expect(ids).toHaveLength(20);
  });

  it('reads nothing with its own keys in place of those of another', async () => {
    await addTo(system, 'victim', [ORG]);
    const entry = await writer.entryOf('thief');
    await writer.write('victim', { kept: entry['kept'] });
    await untilSeen();
    await rotateAndWait('ast_1');
    const write = (orgs: string[]) =>
      system.redis.hset('{rekey}:consumers', 'thief', JSON.stringify({ ...entry, orgs }));
    cleanup(() => write([SUB]));
    // Only the SDK takes notice of this: the revision stays as it is.
    await write([ORG, SUB]);
    expect((await assistantsReadAs(system, 'thief', thief)).filter(isOfOther)).toEqual([]);
  });

  it('is not sealed for because the event of another org names its org', async () => {
    await eventually(
      () => writer.recipientsOf('ast_2'),
      (recipients) => recipients.length === 1,
    );
    const [, kid] = await writer.recipientsOf('ast_s1_1');
    expect(kid).toBeDefined();
    const event = JSON.parse((await system.redis.get('{rekey}:current:ast_2'))!) as object;
    const copy = JSON.stringify({ ...event, source: `/orgs/${SUB}/assistants/ast_2` });
    await system.redis.set('{rekey}:current:ast_2', copy);
    await system.redis.zadd(`{rekey}:assistants:${SUB}`, 0, 'ast_2');
    // All records are sealed again before it is ACTIVE.
    await addTo(system, 'third', [SUB]);
    expect(await writer.recipientsOf('ast_s1_1')).toContain(kid);
    expect(await writer.recipientsOf('ast_2')).not.toContain(kid);
  });

  it('is not sealed for because the ledger says that `c` is its org', async () => {
    // Published under `c`, as every record is before the org has another name.
    await other.rotateAndWait('ast_9', 'c');
    const own = await addTo(other, 'thief', [SUB]);
    const alias = { alias: SUB, alias_how: 'learned', alias_at: Date.now() };
    await other.redis.hset('{rekey}:ledger', alias);
    cleanup(() => other.redis.hdel('{rekey}:ledger', ...Object.keys(alias)));
    await writerOn(other).raise();
    await sleep(2000);
    const keys = await readAs(other, 'thief', own);
    cleanup(async () => keys?.close());
    expect(heldBy(keys, 'ast_9')).not.toBe(await other.trueKey('ast_9'));
  });
});

describe("a public key of Rekey that is written to Redis before a consumer's keygen", () => {
  it('gets into no key file, and the consumer takes no key that is forged with it', async () => {
    const path = join(folder(), 'mobile.json');
    await system.redis.hset('{rekey}:ledger', 'signer', JSON.stringify(other.sealer.publicJwk));
    const rekey = (...args: string[]) => startRekey(system, args).result;
    expect(await rekey('consumer', 'keygen', path)).toMatchObject({ code: 0 });
    const { keys } = JSON.parse(await readFile(path, 'utf8')) as { keys: [OwnJwk, OwnJwk] };
    const added = await rekey('consumer', 'add', 'mobile', '--key-file', path, '--org', ORG);
    expect(added).toMatchObject({ code: 0 });
    cleanup(() => system.client.removeConsumer('mobile'));
    // The attacker's own Rekey makes what the consumer then finds in Redis.
    await addTo(other, 'mobile', [ORG], keys[0]);
    await other.rotateAndWait('ast_3');
    const forged = (await other.redis.get('{rekey}:current:ast_3'))!;
    await system.redis.set('{rekey}:current:ast_3', forged);
    const entry = await writerOn(other).entryOf('mobile');
    await system.redis.hset('{rekey}:consumers', 'mobile', JSON.stringify(entry));
    const mobile = await readAs(system, 'mobile', path);
    cleanup(async () => mobile?.close());
    expect(heldBy(mobile, 'ast_3')).not.toBe(await other.trueKey('ast_3'));
    expect(keys[1]).toEqual(system.sealer.publicJwk);
  });
});

describe('a rotation', () => {
  const WRONG = /ACKNOWLEDGED.* signs (nothing|with a dead key)/;

  it('is not acknowledged by a consumer whose old grant was put back', async () => {
    const own = await generateConsumerKey('X25519');
    await addConsumer(system, 'billing', [ORG], own);
    const { grant } = await writer.entryOf('billing');
    await system.client.removeConsumer('billing');
    const keyFile = await addTo(system, 'billing', [ORG], own);
    const { id } = await rotateAndWait('ast_5');
    await writer.write('billing', { grant });
    const keys = (await readAs(system, 'billing', keyFile))!;
    cleanup(() => keys.close());
    const outcomes = await outcomesOf(system, { id, consumer: 'billing', keys });
    expect(outcomes.filter((outcome) => WRONG.test(outcome))).toEqual([]);
  });

  it('is not acknowledged with a dead key because the worker seals with another key', async () => {
    // In a system of its own: without a worker, a gateway that was attacked before accepts no rotation.
    const own = await startSystem(SIMULATED);
    cleanup(() => own.stop());
    const keyFile = await addTo(own, 'billing', [ORG]);
    await own.rotateAndWait('ast_6');
    const record = (await own.redis.get('{rekey}:current:ast_6'))!;
    await own.worker!.child.kill();
    const { id } = await own.rotate('ast_6');
    const REKEY_KEY_FILE = await withOtherSealingKey(own.keyFile);
    const { code } = await waitingWorker({ ...own.environment, REKEY_KEY_FILE });
    expect(code).toBe(0);
    await own.redis.set('{rekey}:current:ast_6', record);
    const keys = (await readAs(own, 'billing', keyFile))!;
    cleanup(() => keys.close());
    const outcomes = await outcomesOf(own, { id, consumer: 'billing', keys });
    expect(outcomes.filter((outcome) => WRONG.test(outcome))).toEqual([]);
    expect(outcomes.filter((outcome) => /up to date, signs with a dead key/.test(outcome))).toEqual([]);
  });
});

/** A key file with the keys of this one, but another key to seal with. */
const withOtherSealingKey = async (path: string): Promise<string> => {
  const [made, mixed] = ['made', 'mixed'].map((name) => join(dirname(path), `${name}.json`)) as [
    string,
    string,
  ];
  await createKeyFile(made);
  const keysIn = async (file: string) =>
    (JSON.parse(await readFile(file, 'utf8')) as { keys: { use: string }[] }).keys;
  const sealing = (await keysIn(made)).find(({ use }) => use === 'enc');
  const keys = (await keysIn(path)).map((key) => (key.use === 'enc' ? sealing : key));
  await writeFile(mixed, JSON.stringify({ keys }), { mode: 0o600 });
  return mixed;
};

describe('acknowledgements', () => {
  const textOf = async (consumer: string, instance: string, first: object[]) => {
    const [last] = await other.redis.xrevrange('{rekey}:events', '+', '-', 'COUNT', 1);
    const unapplied = { count: first.length, first };
    const progress = { position: last![0], seq: 1, keys: 1, unapplied, leaving: false };
    return JSON.stringify({ consumer, instance, lease_ms: 60_000, ...progress });
  };
  /** The rules that docs/guides/events.md gives to the Redis user of a consumer. */
  const documentedRules = async (name: string): Promise<string[]> => {
    const guide = await readFile(join(repositoryRoot, 'docs/guides/events.md'), 'utf8');
    const [, rules] = /^ACL SETUSER billing (.*?)^```$/ms.exec(guide)!;
    return rules!.trim().replaceAll('billing', name).split(/\s+/);
  };

  it('of one consumer with its documented Redis user do not count for another', async () => {
    await addTo(other, 'billing', [ORG]);
    await addTo(other, 'crm', [ORG]);
    const { id } = await other.rotateAndWait('ast_4');
    await other.redis.acl('SETUSER', 'crm', ...(await documentedRules('crm')));
    const url = other.redisServer.url.replace('//', '//crm:PASSWORD@');
    const crm = new Redis(url, { enableReadyCheck: false });
    cleanup(async () => crm.disconnect());
    const text = await textOf('billing', 'i1', []);
    for (const stream of ['acks', 'acks:billing', 'acks:crm'])
      await crm.xadd(`{rekey}:${stream}`, '*', 'ack', text).catch(() => 'no permission');
    await sleep(1500);
    const { consumers } = await other.client.getRotation(id);
    expect(consumers).toContainEqual({ name: 'billing', state: 'GONE' });
  });

  it('of 10 kB, 60,000 of them, leave gateway and worker alive, and those that start', async () => {
    const own = await addConsumer(other, 'billing', [ORG]);
    const keys = (await readAs(other, 'billing', keyFileOf(other, own)))!;
    cleanup(() => keys.close());
    // One that has never signed an acknowledgement.
    await addConsumer(other, 'older', [ORG]);
    // One character that is not Latin-1 doubles what a text takes in the heap.
    const first = { assistant_id: '\u044f'.padEnd(250, 'a'), version: 1, why: '\u044f'.padEnd(200, 'w') };
    const text = await textOf(
      'older',
      'i#',
      Array.from({ length: 20 }, () => first),
    );
    const [head, tail] = text.split('#') as [string, string];
    const script = `for i = 1, 1000 do
      redis.call('XADD', KEYS[1], '*', 'ack', ARGV[1] .. (ARGV[2] + i) .. ARGV[3]) end`;
    for (let begun = 0; begun < 60_000; begun += 1000)
      await other.redis.eval(script, 1, '{rekey}:acks', head, begun, tail);
    const starting = [other.startGateway(), other.startWorker()];
    const started = await Promise.all(starting.map((app) => app.catch(() => undefined)));
    const apps = [other.gateway, other.worker, ...started];
    expect(await fateOf(apps)).toEqual(['alive', 'alive', 'alive', 'alive', 'acknowledged']);
  });

  /** Which processes live, once a consumer has acknowledged a rotation to all gateways, or one has died. */
  const fateOf = async (apps: (App | undefined)[]): Promise<string[]> => {
    const gateways = apps.flatMap((app, i) => (app && i % 2 === 0 ? [app] : []));
    const { id } = await other.rotate('ast_7').catch(() => ({ id: '' }));
    const acknowledged = gateways.map(async ({ ready }) => {
      const client = connect(ready['address']!);
      const wait = () =>
        client.waitRotation({ id, until: 'ACKNOWLEDGED', consumers: ['billing'], timeoutMs: 60_000 });
      await eventually(
        () => wait().catch(() => undefined),
        (rotation) => rotation?.consumers?.some(({ state }) => state === 'ACKNOWLEDGED') ?? false,
      ).finally(() => client.close());
    });
    const died = apps.map(async (app) => {
      await app?.child.exited;
      return 'a process died';
    });
    const end = await Promise.race([Promise.all(acknowledged).then(() => 'acknowledged'), ...died]);
    const ends = apps.map((app) => {
      const { exitCode, signalCode } = app?.child.process ?? { exitCode: 1, signalCode: null };
      return String(exitCode ?? signalCode ?? 'alive');
    });
    return [...ends, end];
  };
});
