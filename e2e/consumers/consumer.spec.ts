import { generateKeyPairSync } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KeyEvent } from '@rekey/schema';
import { openEnvelope, openGrant, parseOwnKey, parseRecord, parseVerifier } from '@rekey/sealing';
import { failureOf } from '../support/failure-of.ts';
import { expectTruth } from '../support/invariants.ts';
import { startRekey, type RekeyResult } from '../support/rekey.ts';
import { dumpRedis, eventually, startSystem, type System } from '../support/system.ts';
import { useFolder } from '../support/temporary-folder.ts';

let system: System;
const folder = useFolder('consumer');
let rekey: (args: string[], env?: Record<string, string>) => Promise<RekeyResult>;
beforeAll(async () => {
  system = await startSystem({ simulator: ['--assistants', '300', '--sub-orgs', '1'] });
  rekey = (args, env) => startRekey(system, args, env ? { env } : {}).result;
});
afterAll(async () => {
  await system.stop();
});

const fileOf = (name: string) => join(folder(), `${name}.json`);
const add = async (name: string, org: string, type = 'X25519', env?: Record<string, string>) => {
  expect(await rekey(['consumer', 'keygen', fileOf(name), '--type', type])).toMatchObject({
    code: 0,
    err: expect.stringMatching(/^(note: fingerprint of .* key: SHA256:.*\n){2}$/),
  });
  return rekey(['consumer', 'add', name, '--key-file', fileOf(name), '--org', org, '--json'], env);
};
const entryOf = async (name: string): Promise<string> =>
  (await system.redis.hget('{rekey}:consumers', name))!;
/** Reads the current record of an assistant as a consumer does: with its key file and the data in Redis. */
const readBy = async (name: string, assistantId: string, entry?: string): Promise<string | undefined> => {
  const { keys } = JSON.parse(await readFile(fileOf(name), 'utf8'));
  const { grant } = JSON.parse(entry ?? (await entryOf(name)));
  const shared = await openGrant(grant, {
    consumer: name,
    own: await parseOwnKey(keys[0]),
    verifiers: [parseVerifier(keys[1])],
  });
  const event = KeyEvent.parse(JSON.parse((await system.redis.get(`{rekey}:current:${assistantId}`))!));
  const plaintext = openEnvelope(event.data.sealed, shared);
  return plaintext === undefined
    ? undefined
    : (parseRecord(plaintext, event).assistant?.secret_key ?? undefined);
};
const seqNow = async () => Number(await system.redis.get('{rekey}:seq'));
/** Acknowledges all entries so far, or up to one, as a consumer does. */
const acknowledge = async (
  consumer: string,
  { position, more = {} }: { position?: string; more?: object } = {},
) => {
  const [last] = await system.redis.xrevrange('{rekey}:events', '+', '-', 'COUNT', 1);
  const ack = {
    consumer,
    instance: `${consumer}-1`,
    lease_ms: 60_000,
    position: position ?? last![0],
    seq: await seqNow(),
    keys: 300,
    unapplied: { count: 0, first: [] },
    leaving: false,
    ...more,
  };
  await system.redis.xadd('{rekey}:acks', '*', 'ack', JSON.stringify(ack));
};

describe('rekey consumer', () => {
  it.each([
    ['x25519', 'X25519'],
    ['p256', 'P-256'],
    ['shared', 'shared'],
  ])('lets a service read records published before and after it was added: %s', async (name, type) => {
    await system.rotateAndWait('ast_1');
    const added = await add(name, 'org_demo', type, { REKEY_KEY_FILE: system.keyFile });
    expect(added).toMatchObject({ code: 0, err: '' });
    expect(added.json()[0]).toMatchObject({
      name,
      state: 'ACTIVE',
      orgs: ['org_demo'],
      key_type: type,
      live: false,
    });
    expect((await stat(fileOf(name))).mode & 0o777).toBe(0o600);
    expect(await readBy(name, 'ast_1')).toBe(await system.trueKey('ast_1'));
    await system.rotateAndWait('ast_1');
    expect(await readBy(name, 'ast_1')).toBe(await system.trueKey('ast_1'));
    await system.rotateAndWait('ast_s1_1', 'org_demo_sub1');
    expect(await readBy(name, 'ast_s1_1')).toBeUndefined();
    expect(
      await rekey(['consumer', 'orgs', name, '--org', 'org_demo', '--org', 'org_demo_sub1']),
    ).toMatchObject({ code: 0 });
    expect(await readBy(name, 'ast_s1_1')).toBe(await system.trueKey('ast_s1_1'));
  });

  it('leaves no key in clear in Redis, nor in the output of any process', async () => {
    const everything = `${await dumpRedis(system.redis)}\n${system.output()}`;
    for (const name of ['x25519', 'p256', 'shared']) {
      const { keys } = JSON.parse(await readFile(fileOf(name), 'utf8'));
      expect(everything).not.toContain(keys[0].d ?? keys[0].k);
    }
    expect(everything).not.toContain((await system.trueKey('ast_1'))!);
  });

  it('removes a consumer, which then can open neither new nor current records', async () => {
    expect((await add('leaver', 'org_demo')).code).toBe(0);
    const entry = await entryOf('leaver');
    expect(await rekey(['consumer', 'remove', 'leaver', '--yes'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('rotate the keys'),
    });
    await system.rotateAndWait('ast_2');
    await eventually(
      () => readBy('leaver', 'ast_1', entry),
      (key) => key === undefined,
    );
    expect(await readBy('leaver', 'ast_2', entry)).toBeUndefined();
    expect(await rekey(['consumer', 'remove', 'leaver', '--yes'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('Consumer not found'),
    });
  });

  it.each<[string, () => object, RegExp]>([
    [
      'RSA',
      () => generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' }),
      /not a supported JWK/,
    ],
    [
      'a point of low order',
      () => ({ kty: 'OKP', crv: 'X25519', x: Buffer.alloc(32).toString('base64url') }),
      /not a usable public key of X25519/,
    ],
    ['no key at all', () => ({ hello: 1 }), /not a supported JWK/],
  ])('refuses a key that is %s, and says why', async (_what, jwk, why) => {
    await writeFile(fileOf('bad'), JSON.stringify(jwk()));
    expect(
      await rekey(['consumer', 'add', 'bad', '--key-file', fileOf('bad'), '--org', 'org_demo']),
    ).toMatchObject({ code: 1, err: expect.stringMatching(why) });
    expect(
      (
        await failureOf(
          system.client.addConsumer({ name: 'bad', orgs: ['org_demo'], publicJwk: JSON.stringify(jwk()) }),
        )
      ).code,
    ).toBe('INVALID_ARGUMENT');
    expect(await system.redis.hexists('{rekey}:consumers', 'bad')).toBe(0);
  });

  it.each([
    ['Billing', ['org_demo']],
    ['a b', ['org_demo']],
    ['', ['org_demo']],
    ['ok', []],
    ['ok', ['a/b']],
  ])('refuses the name %j with orgs %j', async (name, orgs) => {
    const { keys } = JSON.parse(await readFile(fileOf('x25519'), 'utf8'));
    const { d: _, ...jwk } = keys[0];
    expect(
      (await failureOf(system.client.addConsumer({ name, orgs, publicJwk: JSON.stringify(jwk) }))).code,
    ).toBe('INVALID_ARGUMENT');
  });

  it('refuses another key under an existing name, and accepts the same key again', async () => {
    expect(
      await rekey(['consumer', 'add', 'x25519', '--key-file', fileOf('x25519'), '--org', 'org_demo']),
    ).toMatchObject({ code: 0 });
    expect(
      await rekey(['consumer', 'add', 'x25519', '--key-file', fileOf('p256'), '--org', 'org_demo']),
    ).toMatchObject({ code: 1, err: expect.stringContaining('a different key') });
  });

  it('has a key file with the key of Rekey that an operator has compared', async () => {
    const { out: jwk, err } = await rekey(['key-file', 'public', system.keyFile]);
    const fingerprint = /SHA256:[\w-]{43}/.exec(err)![0];
    const made = async (name: string, rekeys: string) => {
      const result = await rekey(['consumer', 'keygen', fileOf(name), '--rekey-public-key', rekeys]);
      return { ...result, file: await readFile(fileOf(name), 'utf8').catch(() => undefined) };
    };
    for (const [name, given] of [
      ['by-fingerprint', fingerprint],
      ['by-value', jwk],
    ] as const) {
      const { code, err: notes, file } = await made(name, given);
      expect([code, notes]).toEqual([0, expect.stringContaining(`Rekey's key: ${fingerprint}\n`)]);
      expect(JSON.parse(file!).keys[1]).toEqual(JSON.parse(jwk));
    }
    const other = `${fingerprint.slice(0, -1)}${fingerprint.endsWith('A') ? 'E' : 'A'}`;
    expect(await made('other', other)).toMatchObject({
      code: 1,
      file: undefined,
      err: expect.stringContaining(`another fingerprint: ${fingerprint}`),
    });
    const { keys } = JSON.parse(await readFile(system.keyFile, 'utf8'));
    const signing = keys.find(({ kty }: { kty: string }) => kty === 'OKP');
    const leaked = await made('leaked', JSON.stringify(signing));
    expect(leaked).toMatchObject({ code: 1, file: undefined, err: expect.stringContaining('private key') });
    expect(leaked.err).not.toContain(signing.d);
  });

  it('never sends a shared key in clear, nor accepts one', async () => {
    const { keys } = JSON.parse(await readFile(fileOf('shared'), 'utf8'));
    const failure = await failureOf(
      system.client.addConsumer({
        name: 'clear',
        orgs: ['org_demo'],
        publicJwk: JSON.stringify({ kty: 'oct', k: keys[0].k }),
      }),
    );
    expect(failure.code).toBe('INVALID_ARGUMENT');
    expect(await rekey(['consumer', 'keygen', fileOf('shared2'), '--type', 'shared'])).toMatchObject({
      code: 0,
    });
    expect(
      await rekey(['consumer', 'add', 'shared2', '--key-file', fileOf('shared2'), '--org', 'org_demo'], {
        REKEY_KEY_FILE: '',
      }),
    ).toMatchObject({ code: 1, err: expect.stringContaining('--rekey-key-file') });
  });
});

describe('acknowledgements of consumers', () => {
  it('are shown for each consumer: live, behind, gone, and unapplied versions', async () => {
    await acknowledge('x25519');
    await acknowledge('p256', { position: '1-0', more: { seq: 0 } });
    await eventually(
      () => system.client.getConsumer('p256'),
      ({ live }) => live,
    );
    const { out } = await rekey(['consumer', 'status']);
    expect(out).toMatch(/^x25519 +ACTIVE +1 +up to date/m);
    expect(out).toMatch(/^p256 +ACTIVE +1 +[\d,]+ events, /m);
    expect(out).toMatch(/^shared +ACTIVE +0 +not running/m);
    const forged = { assistant_id: 'ast_9', version: 5, why: 'forged' };
    await acknowledge('p256', {
      more: { unapplied: { count: 1, first: [forged] }, refused: { count: 7, first: [forged] } },
    });
    const status = await eventually(
      () => rekey(['consumer', 'status', 'p256', '--json']),
      (result) => result.json()[0].lag_events === 0,
    );
    expect(status.json()[0]).toMatchObject({
      live: true,
      instances: [
        { live: true, unapplied_count: 1, unapplied: [forged], refused_count: 7, refused: [forged] },
      ],
    });
    expect((await rekey(['consumer', 'status', 'p256'])).out).toMatch(
      /1 not applied +7 refused since it started[^]*refused for ast_9: forged/,
    );
    expect((await rekey(['consumer', 'status'])).out).toMatch(
      /^NAME .*NOT APPLIED +REFUSED +ORGS$[^]*^p256 .* 1 +7 +org_demo/m,
    );
    expect((await system.client.getConsumer('p256')).instances).toMatchObject([
      { refusedCount: 7, refused: [{ assistantId: 'ast_9', version: 5, why: 'forged' }] },
    ]);
  });

  it('are shown for a rotation, and can be awaited by name or for all live consumers', async () => {
    await acknowledge('x25519');
    await acknowledge('p256');
    const { id } = await system.rotateAndWait('ast_5');
    expect((await system.client.getRotation(id)).consumers).toEqual([
      { name: 'p256', state: 'PENDING' },
      { name: 'shared', state: 'GONE' },
      { name: 'x25519', state: 'PENDING' },
    ]);

    const timedOut = await system.client.waitRotation({
      id,
      until: 'ACKNOWLEDGED',
      timeoutMs: 300,
    });
    expect(timedOut).toMatchObject({
      state: 'SUCCEEDED',
      consumers: [{ state: 'PENDING' }, { state: 'GONE' }, { state: 'PENDING' }],
    });
    const byName = system.client.waitRotation({ id, until: 'ACKNOWLEDGED', consumers: ['x25519'] });
    const all = system.client.waitRotation({ id, until: 'ACKNOWLEDGED' });
    await acknowledge('x25519');
    expect((await byName).consumers![2]).toEqual({ name: 'x25519', state: 'ACKNOWLEDGED' });
    await acknowledge('p256');
    expect((await all).consumers!.map(({ state }) => state)).toEqual([
      'ACKNOWLEDGED',
      'GONE',
      'ACKNOWLEDGED',
    ]);

    const waiting = startRekey(system, ['rotate', 'org_demo', 'ast_6', '--acknowledged', '--json']);
    const acking = setInterval(() => void Promise.all([acknowledge('x25519'), acknowledge('p256')]), 200);
    const { code, json } = await waiting.result;
    clearInterval(acking);
    expect(code).toBe(0);
    expect(json().at(-1)).toMatchObject({
      state: 'SUCCEEDED',
      consumers: { x25519: 'ACKNOWLEDGED', p256: 'ACKNOWLEDGED', shared: 'GONE' },
    });
    await expectTruth(system);
  });

  it('are no success while no consumer is live, neither for the command nor for the call', async () => {
    const leave = (name: string) => acknowledge(name, { more: { leaving: true } });
    await Promise.all(['x25519', 'p256'].map(leave));
    await eventually(
      () => system.client.listConsumers(),
      (consumers) => consumers.every(({ live }) => !live),
    );
    const { code, json, err, out } = await rekey([
      'rotate',
      'org_demo',
      'ast_7',
      '--acknowledged',
      '--timeout',
      '1',
      '--json',
    ]);
    expect([code, err]).toEqual([
      3,
      expect.stringMatching(
        /has succeeded, but after 1 s no consumer that may read org_demo was live \(p256, shared, x25519\)/,
      ),
    ]);
    expect(out).not.toBe('');
    const { id } = json().at(-1) as { id: string };
    const { consumers } = await system.client.waitRotation({
      id,
      until: 'ACKNOWLEDGED',
      timeoutMs: 200,
    });
    expect(consumers!.map(({ state }) => state)).toEqual(['GONE', 'GONE', 'GONE']);

    // The advised command works as printed.
    const [, command] = /Wait again: rekey (.*?)"?[\\}\n]*$/.exec(err)!;
    expect(command).toBe(`get ${id} --acknowledged`);
    const waiting = rekey(command!.split(' '));
    await acknowledge('x25519');
    expect(await waiting).toMatchObject({ code: 0, err: '' });
  });

  it('of a named consumer are awaited by the command that a timeout advises', async () => {
    await acknowledge('x25519');
    const { code, err, json } = await rekey([
      'rotate',
      'org_demo',
      'ast_8',
      '--consumer',
      'shared',
      '--consumer',
      'x25519',
      '--timeout',
      '1',
      '--json',
    ]);
    const { id } = json().at(-1) as { id: string };
    expect([code, err]).toEqual([
      3,
      expect.stringMatching(/shared \(GONE\), x25519 \(PENDING\) had not acknowledged it/),
    ]);
    const [, command] = /Wait again: rekey (.*?)"?[\\}\n]*$/.exec(err)!;
    expect(command).toBe(`get ${id} --consumer shared --consumer x25519`);
    const again = await rekey([...command!.split(' '), '--timeout', '1']);
    expect(again).toMatchObject({ code: 3, err: expect.stringContaining('shared (GONE)') });
    const waiting = rekey(command!.split(' '));
    await Promise.all(['x25519', 'shared'].map((name) => acknowledge(name)));
    expect(await waiting).toMatchObject({ code: 0, err: '' });
    await acknowledge('shared', { more: { leaving: true } });
  });

  it('cannot be awaited if no consumer may read the org', async () => {
    const { id } = await system.rotateAndWait('ast_s1_3', 'org_demo_sub1');
    const readers = (await system.client.listConsumers())
      .filter(({ orgs }) => orgs.includes('org_demo_sub1'))
      .map(({ name }) => name);
    for (const name of readers) await system.client.setConsumerOrgs({ name, orgs: ['org_demo'] });
    expect(await failureOf(system.client.waitRotation({ id, until: 'ACKNOWLEDGED' }))).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'CONSUMERS_MISSING',
    });
    const { code, err, out } = await rekey([
      'rotate',
      'org_demo_sub1',
      'ast_s1_3',
      '--acknowledged',
      '--timeout',
      '20',
    ]);
    expect([code, err, out]).toEqual([
      1,
      expect.stringContaining('no consumer may read org_demo_sub1'),
      expect.stringContaining('SUCCEEDED'),
    ]);
  });

  it('cannot be awaited of consumers that do not exist or may not read the org', async () => {
    const { id } = await system.rotateAndWait('ast_s1_2', 'org_demo_sub1');
    expect(
      await failureOf(system.client.waitRotation({ id, until: 'ACKNOWLEDGED', consumers: ['nobody'] })),
    ).toMatchObject({ code: 'NOT_FOUND', reason: 'CONSUMER_NOT_FOUND' });
    expect((await add('narrow', 'org_demo')).code).toBe(0);
    expect(
      await failureOf(system.client.waitRotation({ id, until: 'ACKNOWLEDGED', consumers: ['narrow'] })),
    ).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'CONSUMER_MAY_NOT_READ' });
    expect((await failureOf(system.client.waitRotation({ id, consumers: ['narrow'] }))).code).toBe(
      'INVALID_ARGUMENT',
    );
  });
});

describe('a bulk rotation and consumers', () => {
  it('begins nothing if a required consumer is not live, or lags behind', async () => {
    await acknowledge('x25519', { position: '1-0' });
    const create = (...names: string[]) =>
      system.client.createBulkRotation({
        orgId: 'org_demo',
        assistantIds: ['ast_20'],
        requireConsumers: names,
      });
    const before = await seqNow();
    expect(await failureOf(create('shared'))).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'CONSUMERS_MISSING',
    });
    expect(await failureOf(create('x25519'))).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'CONSUMERS_MISSING',
    });
    expect(await failureOf(create('nobody'))).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'CONSUMERS_MISSING',
    });
    expect(await seqNow()).toBe(before);
    expect((await rekey(['bulk', 'list', '--json'])).out).toBe('');
    // It waits for a consumer that catches up in time.
    const created = create('x25519');
    await acknowledge('x25519');
    expect((await created).state).toMatch(/RUNNING|VERIFYING|COMPLETED/);
  });

  it('has its canary wait for consumers even while none is live', async () => {
    for (const { name } of await system.client.listConsumers())
      await acknowledge(name, { more: { leaving: true } });
    await writeFile(join(folder(), 'few.txt'), ['ast_40', 'ast_41', 'ast_42'].join('\n'));
    const created = await rekey([
      'bulk',
      'create',
      '--yes',
      '--org',
      'org_demo',
      '--ids-file',
      join(folder(), 'few.txt'),
      '--canary',
      '1',
      '--canary-continues',
      '--canary-awaits-consumers',
      '--json',
    ]);
    const { id } = created.json()[0] as { id: string };
    await eventually(
      () => system.client.getBulkRotation(id),
      ({ state }) => state === 'PAUSED',
    );
    // Workers check waiting canaries more often than this.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await system.client.getBulkRotation(id)).toMatchObject({
      state: 'PAUSED',
      stop: { reason: 'CANARY_AWAITS_CONSUMERS' },
      counts: { succeeded: 1 },
    });
    await acknowledge('x25519');
    await eventually(
      () => system.client.getBulkRotation(id),
      ({ state }) => state === 'COMPLETED',
      30_000,
    );
  });

  it('has its canary wait until consumers have the keys, and shows which consumers have them', async () => {
    await acknowledge('x25519');
    await acknowledge('p256', { more: { leaving: true } });
    await writeFile(
      join(folder(), 'ids.txt'),
      Array.from({ length: 40 }, (_, i) => `ast_${i + 50}\n`).join(''),
    );
    const created = await rekey([
      'bulk',
      'create',
      '--yes',
      '--org',
      'org_demo',
      '--ids-file',
      join(folder(), 'ids.txt'),
      '--canary',
      '5',
      '--canary-continues',
      '--canary-awaits-consumers',
      '--json',
    ]);
    const { id } = created.json()[0];
    const waiting = await eventually(
      () => system.client.getBulkRotation(id),
      ({ state }) => state === 'PAUSED',
    );
    expect(waiting).toMatchObject({ stop: { reason: 'CANARY_AWAITS_CONSUMERS' }, counts: { succeeded: 5 } });
    expect(waiting.consumers).toContainEqual({ name: 'x25519', state: 'PENDING' });
    await acknowledge('x25519');
    const over = await eventually(
      () => system.client.getBulkRotation(id),
      ({ state }) => state === 'COMPLETED',
      30_000,
    );
    expect(over).toMatchObject({ counts: { succeeded: 40 } });
    await acknowledge('x25519');
    const { consumers } = await eventually(
      () => system.client.getBulkRotation(id),
      (bulk) => bulk.consumers!.some(({ state }) => state === 'ACKNOWLEDGED'),
    );
    expect(consumers).toContainEqual({ name: 'x25519', state: 'ACKNOWLEDGED' });
    expect(consumers).toContainEqual({ name: 'shared', state: 'GONE' });
    await expectTruth(system);
  });
});
