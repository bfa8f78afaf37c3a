import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { KEY_ROTATED, orgsDigest } from '@rekey/schema';
import { generateConsumerKey } from '@rekey/sealing';
import { repositoryRoot } from '@rekey/testing';
import {
  PYTHON,
  acknowledgementsOf,
  addConsumer,
  describeConsumer,
  describeWith,
  killPythonConsumers,
  spawnConsumer,
  startPythonConsumer,
  type AddedConsumer,
} from './python-consumer.ts';
import { ASSISTANTS, EVENTS, ODD, readerOf, startPythonSystem } from './python-system.ts';
import { ledgerOf } from '../support/ledger.ts';
import { eventually, startSystem, type System } from '../support/system.ts';

const describeGrpc = describeWith(
  ['grpc', 'grpc_tools', 'redis', 'jwcrypto'],
  'python3-grpcio, python3-grpc-tools, python3-redis and python3-jwcrypto',
);

describeGrpc('rotate_and_open.py', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(() => system.stop());

  it('rotates a key, reads the event and opens it', async () => {
    const { stdout } = await promisify(execFile)(
      PYTHON,
      [join(repositoryRoot, 'examples/python/rotate_and_open.py'), 'org_demo', 'ast_1'],
      {
        env: {
          PATH: process.env['PATH'],
          REDIS_URL: system.redisServer.url,
          GRPC_ADDRESS: system.gateway.ready['address'],
          REKEY_KEY_FILE: system.keyFile,
          PYTHONDONTWRITEBYTECODE: '1',
        },
      },
    );
    const { opened } = JSON.parse(stdout);
    expect(opened).toMatchObject({ type: KEY_ROTATED, org_id: 'org_demo', assistant_id: 'ast_1' });
    expect(opened.assistant.secret_key).toBe(await system.trueKey('ast_1'));
  });
});

describeConsumer('consumer.py', () => {
  let system: System;
  let billing: AddedConsumer;
  let folder: string;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    ({ system, billing, folder, stop } = await startPythonSystem());
  });
  afterEach(killPythonConsumers);
  afterAll(() => stop());
  const { trueHash, expectValidSignature, untilCaughtUp } = readerOf(() => system);

  it.each(['X25519', 'P-256', 'shared'] as const)(
    'holds keys published before, follows a rotation, signs, and acknowledges: %s',
    async (type) => {
      const consumer = await startPythonConsumer(
        system,
        await addConsumer(system, `kind-${type.toLowerCase()}`, { type }),
      );
      expect(await consumer.status()).toMatchObject({
        state: 'following',
        keys: ASSISTANTS,
        refused: 0,
        problem: null,
      });
      await expectValidSignature(consumer, 'ast_2');
      await expectValidSignature(consumer, ODD);

      await system.rotateAndWait('ast_1');
      await system.rotateAndWait(ODD);
      await expectValidSignature(consumer, 'ast_1');
      await expectValidSignature(consumer, ODD);

      const { position, seq } = await untilCaughtUp(consumer);
      const acks = await eventually(
        () => acknowledgementsOf(system, consumer.instance),
        (all) => all.at(-1)?.position === position,
      );
      expect(acks.at(-1)).toMatchObject({
        consumer: `kind-${type.toLowerCase()}`,
        lease_ms: 10_000,
        seq,
        keys: ASSISTANTS,
        unapplied: { count: 0, first: [] },
        leaving: false,
        orgs_sha256: orgsDigest(['org_demo']),
      });
      expect(await consumer.stop()).toBe(0);
      expect((await acknowledgementsOf(system, consumer.instance)).at(-1)).toMatchObject({
        position,
        leaving: true,
      });
      expect(consumer.complaints()).not.toContain('sk_');
    },
  );

  it('ends when its input ends, and answers unknown commands with an error', async () => {
    const consumer = await startPythonConsumer(system, billing);
    const answers = await Promise.all(
      ['sign', 'sign ast_1', 'nonsense', 'status now', '', 'sign ast_999 user'].map((line) =>
        consumer.ask(line),
      ),
    );
    expect(answers.map(({ error }) => error)).toEqual([
      ...Array.from({ length: 5 }, () => 'usage: sign ASSISTANT USER, or: status'),
      'no key of this assistant is known',
    ]);
    consumer.child.stdin!.end();
    expect(await consumer.exited).toBe(0);
    expect((await acknowledgementsOf(system, consumer.instance)).at(-1)).toMatchObject({ leaving: true });
    expect(consumer.complaints()).toBe('');
  });

  it('can be imported as a module', async () => {
    const program = `
from consumer import Consumer, Unusable
with Consumer("billing", ${JSON.stringify(billing.keyFile)}, report=print) as keys:
    print(keys.sign_user_hash("ast_2", "user-ü").hash)
try:
    Consumer("nobody", "/no/such/file")
except Unusable as error:
    print(error)
try:
    Consumer("nobody", ${JSON.stringify(billing.keyFile)}, report=print).start(timeout=0.5)
except TimeoutError as error:
    print("late:", error)
`;
    const { stdout } = await promisify(execFile)(PYTHON, ['-c', program], {
      env: {
        REDIS_URL: system.redisServer.url,
        PYTHONPATH: join(repositoryRoot, 'examples/python'),
        PYTHONDONTWRITEBYTECODE: '1',
      },
    });
    const missing = 'there is no consumer of this name: it has not been added, or was removed';
    expect(stdout.trim().split('\n')).toEqual([
      await trueHash('ast_2', 'user-ü'),
      'the key file cannot be read: No such file or directory',
      missing,
      `late: ${missing}`,
    ]);
  });

  it('runs as several instances of one name, each with all keys and its own acknowledgements', async () => {
    const both = await Promise.all([
      startPythonConsumer(system, billing),
      startPythonConsumer(system, billing),
    ]);
    await system.rotateAndWait('ast_1');
    for (const consumer of both) await expectValidSignature(consumer, 'ast_1');
    expect(new Set(both.map(({ instance }) => instance)).size).toBe(2);
    for (const consumer of both) {
      const { position } = await untilCaughtUp(consumer);
      await eventually(
        () => acknowledgementsOf(system, consumer.instance),
        (all) => all.at(-1)?.position === position,
      );
    }
  });

  it('holds only keys of the orgs that it may read', async () => {
    const stranger = await startPythonConsumer(
      system,
      await addConsumer(system, 'stranger', { orgs: ['org_other'] }),
    );
    await system.rotateAndWait('ast_1');
    expect(await untilCaughtUp(stranger)).toMatchObject({ keys: 0, refused: 0 });
    expect(await stranger.sign('ast_1', 'user')).toMatchObject({
      error: 'no key of this assistant is known',
    });
  });

  it('signs with the key that it holds while the key is uncertain, and says so', async () => {
    const consumer = await startPythonConsumer(system, billing);
    const before = await consumer.sign('ast_3', 'user');
    await system.admin('POST', '/faults', {
      assistantId: 'ast_3',
      kind: 'failBefore',
      on: 'get',
      status: 503,
      times: 0,
    });
    await system.admin('POST', '/faults', { assistantId: 'ast_3', kind: 'loseResponseAfterCommit' });
    const { id } = await system.rotate('ast_3');
    await consumer.untilStatus(({ uncertain }) => uncertain === 1);
    expect(await consumer.sign('ast_3', 'user')).toEqual({ ...before, uncertain: true });
    // A consumer that starts now learns of it from the snapshot.
    const other = await startPythonConsumer(system, billing);
    expect(await other.sign('ast_3', 'user')).toEqual({ ...before, uncertain: true });
    await system.admin('DELETE', '/faults');
    await system.waitFor(id, 40);
    for (const each of [consumer, other]) {
      await each.untilStatus(({ uncertain }) => uncertain === 0);
      await expectValidSignature(each, 'ast_3');
    }
  });

  it('stops to sign with a removed key, and signs with the next one', async () => {
    const consumer = await startPythonConsumer(system, billing);
    await expectValidSignature(consumer, 'ast_4');
    await system.admin('PATCH', '/assistants/ast_4', { secret_key: null });
    await system.admin('PATCH', '/assistants/ast_5', { deleted: true });
    await consumer.untilStatus(({ keys }) => keys === ASSISTANTS - 2);
    expect(await consumer.sign('ast_4', 'user')).toMatchObject({
      error: 'the key of this assistant was removed: no-key',
    });
    expect(await consumer.sign('ast_5', 'user')).toMatchObject({
      error: 'the key of this assistant was removed: deleted',
    });
    await system.admin('PATCH', '/assistants/ast_5', { deleted: false });
    await system.admin('POST', '/assistants/ast_4/rotate');
    await consumer.untilStatus(({ keys }) => keys === ASSISTANTS);
    await expectValidSignature(consumer, 'ast_4');
  });

  it('takes a new snapshot if the stream was trimmed beyond its position', async () => {
    const consumer = await startPythonConsumer(system, billing);
    const { snapshots } = await untilCaughtUp(consumer);
    consumer.child.kill('SIGSTOP');
    // The first entry may already be on its way.
    for (const assistantId of ['ast_1', 'ast_2', 'ast_6']) await system.rotateAndWait(assistantId);
    await system.redis.xtrim(EVENTS, 'MAXLEN', 0);
    consumer.child.kill('SIGCONT');
    for (const assistantId of ['ast_1', 'ast_2', 'ast_6']) await expectValidSignature(consumer, assistantId);
    expect(await consumer.untilStatus((status) => status.snapshots > snapshots)).toMatchObject({
      refused: 0,
    });
    expect(consumer.complaints()).toContain('the stream was trimmed beyond its position');

    // The entries after it are trimmed too: then the next seq shows the gap. After an empty stream the
    // consumer knows no seq until an entry comes.
    await system.rotateAndWait('ast_1');
    await expectValidSignature(consumer, 'ast_1');
    consumer.child.kill('SIGSTOP');
    for (const assistantId of ['ast_1', 'ast_2', 'ast_6']) await system.rotateAndWait(assistantId);
    await system.redis.xtrim(EVENTS, 'MAXLEN', 1);
    consumer.child.kill('SIGCONT');
    for (const assistantId of ['ast_1', 'ast_2', 'ast_6']) await expectValidSignature(consumer, assistantId);
    expect(consumer.complaints()).toMatch(/there is a gap before event \d+/);
  });

  it('signs while Redis is away, and takes a new snapshot when it is back', async () => {
    const consumer = await startPythonConsumer(system, billing);
    const { snapshots } = await untilCaughtUp(consumer);
    await system.redisServer.stop();
    await consumer.untilStatus(({ state }) => state === 'connecting');
    expect(await consumer.sign('ast_1', 'user')).toMatchObject({ hash: await trueHash('ast_1', 'user') });
    await system.redisServer.restart();
    await eventually(
      () => system.rotateAndWait('ast_1').catch(() => undefined),
      (rotation) => rotation?.state === 'SUCCEEDED',
    );
    await expectValidSignature(consumer, 'ast_1');
    // The events of another run suffice as a sign.
    await consumer.untilStatus((status) => status.state === 'following' && status.snapshots > snapshots);
    expect(consumer.complaints()).toContain('the events belong to another run');
    await untilCaughtUp(consumer);
  });

  it('notices changes of its entry, and drops the keys of orgs that it may no longer read', async () => {
    const consumers = ledgerOf(system).consumers;
    const consumer = await startPythonConsumer(
      system,
      await addConsumer(system, 'changing', { orgs: ['*'] }),
    );
    expect(await consumer.status()).toMatchObject({ keys: ASSISTANTS });
    const seen = (await consumers.get('changing'))!;
    await consumers.write(
      'changing',
      seen,
      { ...seen.consumer, orgs: ['org_other'] },
      { reseals: true, emit: 'ACTIVE' },
    );
    await consumer.untilStatus(({ keys, state }) => keys === 0 && state === 'following');
    await consumers.write('changing', await consumers.get('changing'), undefined, {
      reseals: true,
      emit: 'REMOVED',
    });
    expect(await consumer.untilStatus(({ state }) => state === 'waiting')).toMatchObject({
      problem: 'there is no consumer of this name: it has not been added, or was removed',
    });
    expect(await consumer.stop()).toBe(0);
  });

  it('notices a change of its entry that no event announces, and acknowledges by it', async () => {
    const consumer = await startPythonConsumer(system, await addConsumer(system, 'repaired'));
    const digest = async () => (await acknowledgementsOf(system, consumer.instance)).at(-1)?.orgs_sha256;
    const right = (await system.redis.hget('{rekey}:consumers', 'repaired'))!;
    const wrong = JSON.stringify({ ...(JSON.parse(right) as object), orgs: ['org_other'] });
    // Rekey repairs it within seconds, and publishes nothing.
    const writing = setInterval(() => void system.redis.hset('{rekey}:consumers', 'repaired', wrong), 20);
    await eventually(digest, (orgs) => orgs === orgsDigest(['org_other'])).finally(() =>
      clearInterval(writing),
    );
    await eventually(digest, (orgs) => orgs === orgsDigest(['org_demo']), 30_000);
    expect(await consumer.status()).toMatchObject({ keys: ASSISTANTS, problem: null });
  });

  it('does not acknowledge an entry of the future before the clock has reached it', async () => {
    const consumer = await startPythonConsumer(system, billing);
    const { position } = await untilCaughtUp(consumer);
    const farMs = Date.now() + 8000;
    await system.redis.xadd(EVENTS, `${farMs}-0`, 'event', '{"type":"none"}');
    const count = (await acknowledgementsOf(system, consumer.instance)).length;
    // The second one was sent after it had read the entry.
    const acks = await eventually(
      () => acknowledgementsOf(system, consumer.instance),
      (all) => all.length > count + 1,
    );
    expect(acks.map((one) => one.position)).not.toContain(`${farMs}-0`);
    expect(acks.at(-1)!.position).toBe(position);
    await consumer.untilStatus((status) => status.position === `${farMs}-0`);
    expect(Date.now()).toBeGreaterThanOrEqual(farMs);
    await system.rotateAndWait('ast_1');
    await expectValidSignature(consumer, 'ast_1');
  });

  it.each([
    [
      'a private key that opens nothing',
      async () => ({ keys: [await generateConsumerKey('X25519'), system.sealer.publicJwk] }),
      'the grant does not open with this private key: it was made for another',
    ],
    [
      'a public key of another Rekey',
      async () => {
        const {
          keys: [own],
        } = JSON.parse(await readFile(billing.keyFile, 'utf8'));
        return {
          keys: [own, { ...system.sealer.publicJwk, x: Buffer.from(randomBytes(32)).toString('base64url') }],
        };
      },
      'the grant is not signed by the Rekey whose public key is in the key file',
    ],
    [
      'no public key of Rekey',
      async () => ({ keys: [await generateConsumerKey('P-256')] }),
      'the key file holds no public key of Rekey',
    ],
    [
      'only a public key of its own',
      async () => {
        const { d: _, ...shown } = await generateConsumerKey('P-256');
        return { keys: [shown, system.sealer.publicJwk] };
      },
      'the key file must hold one private key with use enc',
    ],
    ['what is no key', async () => ({ keys: [{ kty: 'OKP', use: 'enc' }] }), 'the key file is not a JWK Set'],
  ])('reports at the start what is wrong with its key file: %s', async (_what, make, complaint) => {
    const file = join(folder, 'wrong.json');
    await writeFile(file, JSON.stringify(await make()));
    const { exited, complaints } = spawnConsumer(system, 'billing', file);
    expect(await exited).toBe(1);
    expect(complaints()).toContain(complaint);
    expect(complaints()).not.toContain('Traceback');
  });

  it('waits until it is registered', async () => {
    const keys = await addConsumer(system, 'late');
    const consumers = ledgerOf(system).consumers;
    const { consumer } = (await consumers.get('late'))!;
    await consumers.write(
      'late',
      await eventually(
        async () => (await consumers.get('late'))!,
        (seen) => seen.consumer.state === 'ACTIVE',
      ),
      undefined,
      { reseals: true },
    );
    const starting = startPythonConsumer(system, keys);
    await consumers.write('late', undefined, {
      ...consumer,
      state: 'PENDING',
      grant: undefined,
      kept: undefined,
    });
    expect(await (await starting).status()).toMatchObject({ state: 'following', keys: ASSISTANTS });
  });
});
