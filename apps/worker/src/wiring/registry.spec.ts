import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openLedger, type Ledger } from '@rekey/ledger';
import { createRecordingLogger } from '@rekey/runtime';
import { createSealer, type Sealer } from '@rekey/sealing';
import {
  add,
  eventOf,
  ledger,
  publish,
  recipients,
  redis,
  round,
  useEnrolment,
} from '../consumers/enrolment-fixture.ts';
import { sealer, signing } from '../publishing/sealing-fixture.ts';
import { joinRegistry } from './registry.ts';

/* A worker that starts, on whatever a writer in Redis has left. */

useEnrolment();

const keyOf = (kid: string) => ({ kid, bytes: randomBytes(32) });
const other = createSealer({
  sealing: keyOf('other-enc-00'),
  fingerprinting: keyOf('other-sig-00'),
  signing,
});

/** Another worker with a key file, until it has stopped. */
const start = (by: Sealer = sealer) => {
  const anew = openLedger(redis, { prefix: 'spec', registry: { key: by.registryKey } });
  const { logger, logged } = createRecordingLogger();
  const releases: (() => unknown)[] = [];
  const health = { opened: 0, closed: 0 };
  const joined = joinRegistry(
    {
      logger,
      shutdown: { defer: (_: string, release: () => unknown) => releases.unshift(release) },
    } as never,
    { ledger: anew, subscriber: { on: () => {}, subscribe: async () => {} } } as never,
    by,
    async () => {
      health.opened += 1;
      return { close: async () => void (health.closed += 1) };
    },
  );
  let isStarted = false;
  joined.then(
    () => (isStarted = true),
    () => {},
  );
  const names = () => logged.map(({ event }) => event);
  started.push(async () => {
    for (const release of releases) await release();
  });
  return { joined, ledger: anew, names, health, isStarted: () => isStarted };
};
const started: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of started.splice(0)) await stop();
});
const eventually = async (isTrue: () => boolean) => {
  while (!isTrue()) await sleep(20);
};

/** What a writer in Redis does to a ledger whose registry nobody remembers. */
const spoil = async () => {
  await redis.del('{spec}:registry');
  await redis.set('{spec}:current:ast_1', '{}');
  const entry = JSON.parse((await redis.hget('{spec}:consumers', 'billing'))!) as object;
  const kept = JSON.parse(other.sealOwn('{}', 'kept')) as unknown;
  await redis.hset('{spec}:consumers', 'billing', JSON.stringify({ ...entry, kept }));
};

beforeEach(async () => {
  await ledger.system.recognise({ fingerprintKeyId: sealer.fingerprintKeyId });
  await publish('ast_1');
  await add('billing', ['org_1']);
  await round();
});

describe('a worker whose ledger another client has spoiled', () => {
  it('ends no start: it waits, names that and serves health, until an operator decides', async () => {
    await spoil();
    const worker = start();
    await eventually(() => worker.names().includes('key_file_doubted'));
    await sleep(700);
    expect([worker.isStarted(), worker.health]).toEqual([false, { opened: 1, closed: 0 }]);
    expect(worker.ledger.registry.list().consumers).toEqual([]);
    const gateway: Ledger = openLedger(redis, { prefix: 'spec', registry: { key: sealer.registryKey } });
    await gateway.registry.trust.accept(await gateway.registry.trust.candidates());
    await worker.joined;
    expect(worker.names()).toEqual(['key_file_doubted', 'key_file_accepted']);
    expect(worker.health).toEqual({ opened: 1, closed: 1 });
  });

  it('starts once a process that remembers the registry has put it back', async () => {
    await spoil();
    const worker = start();
    await eventually(() => worker.names().includes('key_file_doubted'));
    await ledger.registry.look({ full: true });
    await worker.joined;
    expect(worker.names()).toEqual(['key_file_doubted', 'key_file_accepted']);
  });

  it('waits on while it cannot read what it waits for', async () => {
    await spoil();
    const worker = start();
    await eventually(() => worker.names().includes('key_file_doubted'));
    await redis.rename('{spec}:ledger', '{spec}:kept');
    await redis.set('{spec}:ledger', 'x');
    // It collects the evidence again after five seconds.
    await Promise.race([worker.joined, sleep(6000)]);
    expect(worker.names()).toContain('registry_unreadable');
    await redis.rename('{spec}:kept', '{spec}:ledger');
    await ledger.registry.look({ full: true });
    await worker.joined;
    expect(worker.names().at(-1)).toBe('key_file_accepted');
  });

  it.each(['orgs', 'assistants:org_1', 'consumers', 'current:ast_1', 'assistant:ast_1'])(
    'starts although %s has another type',
    async (key) => {
      await redis.del(`{spec}:registry`, `{spec}:${key}`);
      await redis.lpush(`{spec}:${key}`, 'x');
      const worker = start();
      await worker.joined;
      expect(worker.names()).not.toContain('key_file_doubted');
    },
  );

  it('starts by a record that opens, although the note of the ledger names another key', async () => {
    await redis.del('{spec}:registry');
    await redis.hset('{spec}:ledger', 'fingerprint_key', 'another');
    const event = await eventOf('ast_1');
    const data = { ...event.data, fingerprint: sealer.fingerprint('sk_ast_1') };
    await redis.set('{spec}:current:ast_1', JSON.stringify({ ...event, data }));
    const worker = start();
    await worker.joined;
    expect(worker.names()).toEqual(['ledger_binding_restored']);
  });
});

describe('a worker with another key file', () => {
  it('waits, and writes nothing', async () => {
    await recipients.refresh();
    const before = await redis.hget('{spec}:ledger', 'fingerprint_key');
    const registry = await redis.get('{spec}:registry');
    const worker = start(other);
    await eventually(() => worker.names().includes('key_file_doubted'));
    await sleep(700);
    expect(worker.isStarted()).toBe(false);
    expect(await redis.hget('{spec}:ledger', 'fingerprint_key')).toBe(before);
    expect(await redis.get('{spec}:registry')).toBe(registry);
  });

  it('ends with WRONG_KEY_FILE if the registry proves it', async () => {
    await ledger.registry.noteKeySet(sealer.keySetId);
    const mixed = createSealer({
      sealing: { kid: 'sealing', bytes: new Uint8Array(32).fill(1) },
      fingerprinting: keyOf('other-sig-00'),
      signing,
    });
    const worker = start(mixed);
    await expect(worker.joined).rejects.toMatchObject({ code: 'WRONG_KEY_FILE' });
  });
});
