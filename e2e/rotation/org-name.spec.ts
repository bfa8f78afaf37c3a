import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { subscribe, type Keys } from '@rekey/subscriber';
import { launchApp } from '@rekey/testing';
import { expectTruth } from '../support/invariants.ts';
import { startRekey, type RekeyResult } from '../support/rekey.ts';
import { API_KEY, eventually, startSystem, type System, type SystemOptions } from '../support/system.ts';

/*
 * One org, one name: a worker with a single INVENT_API_KEY sweeps its org as `c`. Callers use the org's real
 * id.
 */

let system: System;
let folder: string;
let keys: Keys[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-org-'));
  keys = [];
});
afterEach(async () => {
  await Promise.all(keys.map((each) => each.close()));
  await system.stop();
  await rm(folder, { recursive: true });
});

const start = async (options: SystemOptions = {}) => {
  system = await startSystem(options);
};
/** With these, the first sweep comes at once, as in `npm start`. */
const SWEEPS = { REKEY_SWEEP_EVERY_MS: '3600000' };
const rekey = (...args: string[]): Promise<RekeyResult> => startRekey(system, args).result;
/** Runs the two commands of README and docs/guides/consumers.md. */
const addConsumer = async (name: string, ...orgs: string[]): Promise<string> => {
  const file = join(folder, `${name}.json`);
  expect((await rekey('consumer', 'keygen', file)).code).toBe(0);
  expect(
    await rekey('consumer', 'add', name, '--key-file', file, ...orgs.flatMap((org) => ['--org', org])),
  ).toMatchObject({ code: 0 });
  return file;
};
const read = async (consumer: string, privateKey: string): Promise<Keys> => {
  const opened = await subscribe({ redis: system.redisServer.url, consumer, privateKey });
  keys.push(opened);
  return opened;
};
const sweep = async () => expect(await rekey('sweep')).toMatchObject({ code: 0 });
const trueHash = async (assistantId: string, userId: string): Promise<string> =>
  createHmac('sha256', (await system.trueKey(assistantId))!)
    .update(userId)
    .digest('hex');
const hashOf = (consumer: Keys, assistantId: string): string => consumer.signUserHash(assistantId, 'user-1');
const signsValidly = (consumer: Keys, assistantId: string) =>
  eventually(
    async () => hashOf(consumer, assistantId) === (await trueHash(assistantId, 'user-1')),
    (right) => right,
  );
/** The orgs of which the ledger has data. */
const orgsInLedger = async () => (await system.redis.smembers('{rekey}:orgs')).toSorted();
const sweptOnce = () =>
  eventually(
    async () => (await system.client.listSweeps({ pageSize: 1 }))[0]?.state,
    (state) => state === 'SUCCEEDED',
    30_000,
  );
const alias = () => system.redis.hget('{rekey}:ledger', 'alias');

describe('a consumer added as documented', () => {
  it('holds every key after one sweep, and signs with the key in force after a hand rotation', async () => {
    await start({ simulator: ['--assistants', '1000'], worker: SWEEPS });
    await sweptOnce();
    await system.rotateAndWait('ast_7');
    const billing = await read('billing', await addConsumer('billing', 'org_demo'));
    await sweep();
    await eventually(
      async () => billing.size,
      (size) => size === 1000,
      30_000,
    );
    await signsValidly(billing, 'ast_1');

    await system.admin('POST', '/assistants/ast_7/rotate');
    await system.admin('POST', '/assistants/ast_500/rotate');
    await sweep();
    await signsValidly(billing, 'ast_7');
    await signsValidly(billing, 'ast_500');

    const { id } = await system.rotateAndWait('ast_500', 'c');
    expect(await system.client.getRotation(id)).toMatchObject({
      orgId: 'org_demo',
      consumers: [{ name: 'billing' }],
    });
    await signsValidly(billing, 'ast_500');
    expect(await orgsInLedger()).toEqual(['org_demo']);
    expect(await system.redis.exists('{rekey}:assistants:c')).toBe(0);
    expect((await rekey('status')).out).toMatch(/org `c` +org_demo {2}learned since/);
    await expectTruth(system);
  });

  it('does so in any order of consumer, rotations and sweep', async () => {
    await start({ simulator: ['--assistants', '120'], worker: false });
    const file = await addConsumerWithoutWorker('early', 'org_demo');
    await system.startWorker(SWEEPS);
    await sweptOnce();
    const early = await read('early', file);
    await eventually(
      async () => early.size,
      (size) => size === 120,
      30_000,
    );
    await system.admin('POST', '/assistants/ast_3/rotate');
    await sweep();
    await signsValidly(early, 'ast_3');
    expect(await orgsInLedger()).toEqual(['org_demo']);
  });

  it('with org `c` keeps every key, as does one with both names', async () => {
    await start({ simulator: ['--assistants', '150'], worker: SWEEPS });
    await sweptOnce();
    const named = await read('named', await addConsumer('named', 'c'));
    await eventually(
      async () => named.size,
      (size) => size === 150,
    );
    const lost: string[] = [];
    named.on('removed', ({ assistantId }) => lost.push(assistantId));
    const second = await read('second', await addConsumer('second', 'c', 'org_demo'));
    await eventually(alias, (orgId) => orgId === 'org_demo', 30_000);
    await eventually(
      () => system.redis.exists('{rekey}:assistants:c'),
      (left) => left === 0,
      30_000,
    );
    await eventually(
      async () => JSON.parse((await system.redis.hget('{rekey}:consumers', 'named'))!).orgs,
      (orgs) => orgs.join() === 'org_demo',
    );
    await system.rotateAndWait('ast_1');
    for (const consumer of [named, second]) {
      await eventually(
        async () => consumer.size,
        (size) => size === 150,
      );
      await signsValidly(consumer, 'ast_1');
    }
    expect(lost).toEqual([]);
    expect(await system.client.getConsumer('second')).toMatchObject({ orgs: ['org_demo'] });
    await expectTruth(system);
  });
});

/** Adds a consumer and does not wait for it: only a worker can make its grant. */
const addConsumerWithoutWorker = async (name: string, org: string): Promise<string> => {
  const file = join(folder, `${name}.json`);
  const signer = join(folder, 'rekey.pub');
  const { out } = await rekey('key-file', 'public', system.keyFile);
  await writeFile(signer, out);
  expect(await rekey('consumer', 'keygen', file, '--rekey-public-key', signer)).toMatchObject({ code: 0 });
  expect(
    (await rekey('consumer', 'add', name, '--key-file', file, '--org', org, '--timeout', '0')).code,
  ).toBe(3);
  return file;
};

describe('INVENT_ORG_ID', () => {
  const startWorkerAs = (orgId: string, env: Record<string, string> = {}) =>
    launchApp('worker', { env: { ...system.environment, INVENT_ORG_ID: orgId, ...env } }).then(
      async (app) => {
        await app.child.kill();
        return 'it started';
      },
      (error: Error) => error.message,
    );

  it('tells which org `c` is, before anything is published', async () => {
    await start({ simulator: ['--assistants', '30'], worker: { INVENT_ORG_ID: 'org_demo', ...SWEEPS } });
    await sweptOnce();
    expect(await orgsInLedger()).toEqual(['org_demo']);
    expect(new Set((await system.events()).map(({ source }) => source.split('/')[2]))).toEqual(
      new Set(['org_demo']),
    );
    expect((await rekey('status', '--json')).json()[0].org_alias).toMatchObject({
      org_id: 'org_demo',
      known_by: 'configured',
    });
    expect(await system.client.rotateSecretKey({ orgId: 'c', assistantId: 'ast_1' })).toMatchObject({
      orgId: 'org_demo',
    });
  });

  it('that contradicts Invent keeps the worker from starting, with the reason and advice', async () => {
    await start({ simulator: ['--assistants', '30', '--sub-orgs', '1'], worker: false });
    const said = await startWorkerAs('org_demo_sub1');
    expect(said).toMatch(
      /INVENT_ORG_ID=org_demo_sub1 contradicts Invent: .*`c`.*Correct INVENT_ORG_ID, or unset it/,
    );
    expect(said).not.toContain(API_KEY);
    expect(await alias()).toBeNull();
  });

  it('that contradicts an org learned before does too', async () => {
    await start({
      simulator: ['--assistants', '30', '--sub-orgs', '1'],
      worker: { INVENT_ORG_ID: 'org_demo' },
    });
    expect(await alias()).toBe('org_demo');
    expect(await startWorkerAs('org_demo_sub1')).toMatch(
      /=org_demo_sub1 contradicts the ledger, .* is org_demo\. .*Set INVENT_ORG_ID=org_demo or unset it/,
    );
    expect(await startWorkerAs('org_demo')).toBe('it started');
    expect(await startWorkerAs('c')).toMatch(/INVENT_ORG_ID: must be the real id of the org/);
  });
});
