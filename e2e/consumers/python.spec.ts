import { execFile } from 'node:child_process';
import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createConsumers, ledgerKeys } from '@rekey/ledger';
import { KEY_ROTATED, type KeyRotated } from '@rekey/schema';
import { generateConsumerKey, sealRecord, type SharedKeys } from '@rekey/sealing';
import { repositoryRoot, type App } from '@rekey/testing';
import {
  PYTHON,
  acknowledgementsOf,
  addConsumer,
  canImport,
  killPythonConsumers,
  sharedKeysOf,
  spawnConsumer,
  startPythonConsumer,
  type AddedConsumer,
  type PythonConsumer,
  type PythonStatus,
} from './python-consumer.ts';
import { API_KEY, eventually, startSystem, type System } from '../support/system.ts';

const { skip } = describe;
const describeGrpc = canImport(
  ['grpc', 'grpc_tools', 'redis', 'jwcrypto'],
  'python3-grpcio, python3-grpc-tools, python3-redis and python3-jwcrypto',
)
  ? describe
  : skip;
const describeConsumer = canImport(['redis', 'jwcrypto'], 'python3-redis and python3-jwcrypto')
  ? describe
  : skip;

const EVENTS = '{rekey}:events';

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
  const ASSISTANTS = 9;
  /** An id with characters that key names percent-encode, and some that they do not. */
  const ODD = "ü'(1)*!:&+~";
  let system: System;
  let billing: AddedConsumer;
  let folder: string;
  let worker: App;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rekey-python-'));
    // With it, sweeps call the org by its name and not `c`.
    const apiKeys = join(folder, 'api-keys.json');
    await writeFile(apiKeys, JSON.stringify({ org_demo: API_KEY }));
    system = await startSystem({
      simulator: ['--assistants', String(ASSISTANTS - 1)],
      worker: false,
      redis: { persistence: 'always' },
    });
    await system.admin('POST', '/assistants', { org_id: 'org_demo', id: ODD });
    worker = await system.startWorker({
      INVENT_API_KEY: '',
      INVENT_API_KEYS_FILE: apiKeys,
      REKEY_SWEEP_EVERY_MS: '1000',
    });
    await eventually(
      () => system.redis.zcard('{rekey}:assistants:org_demo'),
      (count) => count === ASSISTANTS,
    );
    billing = await addConsumer(system, 'billing');
  });
  afterEach(killPythonConsumers);
  afterAll(async () => {
    await system.stop();
    await rm(folder, { recursive: true });
  });

  const lastId = async () => (await system.redis.xrevrange(EVENTS, '+', '-', 'COUNT', '1'))[0]![0];
  const current = async (assistantId: string) =>
    JSON.parse((await system.redis.get(ledgerKeys('rekey').current(assistantId)))!) as KeyRotated;
  const trueHash = async (assistantId: string, userId: string) =>
    createHmac('sha256', (await system.trueKey(encodeURIComponent(assistantId)))!)
      .update(userId)
      .digest('hex');
  const expectValidSignature = async (consumer: PythonConsumer, assistantId: string) => {
    const { version } = (await current(assistantId)).data;
    const hash = await trueHash(assistantId, 'user 42');
    expect(
      await eventually(
        () => consumer.sign(assistantId, 'user 42'),
        (answer) => answer.hash === hash,
      ),
    ).toMatchObject({ version, uncertain: false });
  };
  /** Waits until the consumer has read the whole stream. */
  const untilCaughtUp = async (consumer: PythonConsumer): Promise<PythonStatus> => {
    const last = await lastId();
    return consumer.untilStatus(({ state, position }) => state === 'following' && position === last);
  };
  const seqAfter = async () => Number(await system.redis.get('{rekey}:seq')) + 1;

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
      ...Array.from({ length: 5 }, () => 'say: sign ASSISTANT USER, or: status'),
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

  it('refuses events that do not come unchanged from Rekey, counts, reports and continues', async () => {
    const consumer = await startPythonConsumer(system, billing);
    await untilCaughtUp(consumer);
    const own = await sharedKeysOf(system, billing);
    const otherProof: SharedKeys = { ...own, proving: createSecretKey(randomBytes(32)) };
    const genuine = await current('ast_1');
    const { version } = genuine.data;
    const key = await consumer.sign('ast_1', 'user');
    const forged = (sealedVersion: number, reader: SharedKeys, outside: object = {}) => {
      const envelope = sealRecord(
        system.sealer,
        {
          type: KEY_ROTATED,
          orgId: 'org_demo',
          assistantId: 'ast_1',
          version: sealedVersion,
          cause: 'rotation',
          assistantJson: '{"id":"ast_1","secret_key":"sk_forged"}',
        },
        [reader],
      );
      return {
        ...genuine,
        ...outside,
        data: { ...genuine.data, version: sealedVersion, sealed: JSON.parse(envelope) as unknown },
      };
    };
    const {
      recipients: [rekeys, ...readers],
      ...content
    } = genuine.data.sealed;
    const mine = readers.find(({ header }) => header.kid === own.kid)!;
    const withSealed = (sealed: unknown) => ({
      ...genuine,
      data: { ...genuine.data, version: version + 1, sealed },
    });
    const attempts: [string, unknown][] = [
      ['sealed by another consumer, which knows only its own proof key', forged(version + 1, otherProof)],
      ['a higher version in the envelope', { ...genuine, data: { ...genuine.data, version: version + 1 } }],
      [
        'another assistant in the envelope',
        { ...genuine, subject: 'ast_2', source: '/orgs/org_demo/assistants/ast_2' },
      ],
      ['another org in the envelope', { ...genuine, source: '/orgs/org_other/assistants/ast_1' }],
      ['another type in the envelope', { ...genuine, type: 'rekey.assistant.key-removed.v1' }],
      ['a version two days in the future', forged((Date.now() + 2 * 86_400_000) * 1000, own)],
      [
        'headers that the proof does not cover',
        withSealed({ ...content, unprotected: { zip: 'DEF' }, recipients: [rekeys, mine] }),
      ],
      [
        'another content',
        withSealed({ ...content, ciphertext: `A${content.ciphertext.slice(1)}`, recipients: [rekeys, mine] }),
      ],
      [
        'a proof that is no text',
        withSealed({ ...content, recipients: [{ ...mine, header: { ...mine.header, proof: 7 } }] }),
      ],
      [
        'a wrapped key of another',
        withSealed({ ...content, recipients: [{ ...mine, encrypted_key: rekeys!.encrypted_key }] }),
      ],
      ['an invalid recipient', withSealed({ ...content, recipients: [null] })],
      ['no sealed', { ...genuine, data: { seq: 1 } }],
      ['no data', { ...genuine, data: null }],
      [
        'ids that are no text',
        { ...genuine, subject: { a: 1 }, data: { ...genuine.data, version: 'x'.repeat(1000) } },
      ],
      ['a subject with half a surrogate pair', { ...genuine, subject: '\ud800'.repeat(400) }],
      ['no object', [1]],
    ];
    const texts = [
      '{',
      '',
      '['.repeat(200_000),
      '\ud83d\u0000',
      '1e999',
      `{"type":"${KEY_ROTATED}","data":${'9'.repeat(5000)}}`,
    ];
    const entries: [string, string | Buffer][] = [
      ...[...attempts.map(([, event]) => JSON.stringify(event)), ...texts].map((text): [string, string] => [
        'event',
        text,
      ]),
      ['event', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
      ['other', 'field'],
    ];
    const { snapshots } = await consumer.status();
    for (const [i, [field, text]] of entries.entries()) {
      const id = await system.redis.xadd(EVENTS, '*', field, text);
      await consumer.untilStatus(
        ({ state, position, refused }) => state === 'following' && position === id && refused === i + 1,
      );
    }
    // It ignores unknown types, and accepts unknown causes and fields.
    await system.redis.xadd(
      EVENTS,
      '*',
      'event',
      JSON.stringify({ ...genuine, type: 'rekey.something.new.v1', data: {} }),
    );
    expect(await untilCaughtUp(consumer)).toMatchObject({ refused: entries.length, snapshots });

    expect(await consumer.sign('ast_1', 'user')).toEqual(key);
    expect(await consumer.sign('ast_2', 'user')).toMatchObject({ hash: await trueHash('ast_2', 'user') });
    expect(consumer.complaints().match(/refused: /g)).toHaveLength(entries.length);
    expect(consumer.complaints()).toContain(
      `{"assistant_id": "ast_1", "version": ${version + 1}, "why": "its proof is wrong: it does not come from Rekey"}`,
    );
    expect(consumer.complaints()).not.toContain('sk_');

    // No refused event hides the next one, whatever its number is.
    await system.rotateAndWait('ast_1');
    await expectValidSignature(consumer, 'ast_1');
    const { position } = await untilCaughtUp(consumer);
    const acks = await eventually(
      () => acknowledgementsOf(system, consumer.instance),
      (all) => all.at(-1)?.position === position,
    );
    expect(acks.at(-1)!.refused).toMatchObject({ count: entries.length, first: { length: 20 } });
  });

  it('misses nothing after refusals, counts them over snapshots, and takes snapshots with pauses', async () => {
    const consumer = await startPythonConsumer(system, billing);
    const { snapshots } = await untilCaughtUp(consumer);
    const own = await sharedKeysOf(system, billing);
    const genuine = await current('ast_1');
    const version = genuine.data.version + 1;
    const envelope = sealRecord(
      system.sealer,
      {
        type: KEY_ROTATED,
        orgId: 'org_demo',
        assistantId: 'ast_1',
        version,
        cause: 'rotation',
        assistantJson: '{"id":"ast_1","secret_key":"sk_forged"}',
      },
      [{ ...own, proving: createSecretKey(randomBytes(32)) }],
    );
    await system.redis.xadd(
      EVENTS,
      '*',
      'event',
      JSON.stringify({
        ...genuine,
        data: { ...genuine.data, version, seq: await seqAfter(), sealed: JSON.parse(envelope) as unknown },
      }),
    );
    await system.rotateAndWait('ast_1');
    await expectValidSignature(consumer, 'ast_1');
    expect([await untilCaughtUp(consumer), consumer.complaints()]).toMatchObject([
      { snapshots, refused: 1, unapplied: { count: 1 } },
      expect.anything(),
    ]);

    // A replay under its old number is no reason for a snapshot.
    await system.redis.xadd(EVENTS, '*', 'event', JSON.stringify(genuine));
    await system.rotateAndWait('ast_2');
    await expectValidSignature(consumer, 'ast_2');
    expect(await untilCaughtUp(consumer)).toMatchObject({ snapshots, refused: 1 });

    for (let i = 0; i < 60; i += 1) {
      await system.redis.xadd(
        EVENTS,
        '*',
        'event',
        JSON.stringify({ type: 'x', data: { seq: 1_000_000 + 10 * i } }),
      );
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    await system.rotateAndWait('ast_1');
    await expectValidSignature(consumer, 'ast_1');
    const status = await consumer.status();
    expect(status.snapshots).toBeGreaterThan(snapshots);
    expect(status.snapshots - snapshots).toBeLessThanOrEqual(6);
    expect(status.refused).toBe(1);
    await untilCaughtUp(consumer);
    const acks = await eventually(
      () => acknowledgementsOf(system, consumer.instance),
      (all) => all.at(-1)?.unapplied.count === 0,
    );
    expect(acks.at(-1)!.refused).toMatchObject({ count: 1, first: [{ assistant_id: 'ast_1', version }] });
  });

  it('stops to sign, and says so, while a key is republished for other consumers only', async () => {
    const consumer = await startPythonConsumer(system, billing);
    const hash = await trueHash('ast_2', 'user');
    const right = (await system.redis.get('{rekey}:current:ast_2'))!;
    const genuine = await current('ast_2');
    const version = genuine.data.version + 1;
    const envelope = sealRecord(
      system.sealer,
      {
        type: KEY_ROTATED,
        orgId: 'c',
        assistantId: 'ast_2',
        version,
        cause: 'drift',
        assistantJson: '{"id":"ast_2","secret_key":"sk_elsewhere"}',
      },
      [],
    );
    const foreign = JSON.stringify({
      ...genuine,
      source: '/orgs/c/assistants/ast_2',
      data: { ...genuine.data, version, sealed: JSON.parse(envelope) as unknown },
    });

    // An event alone does not stop it: anybody can write one.
    await system.redis.xadd(EVENTS, '*', 'event', foreign);
    await untilCaughtUp(consumer);
    expect(await consumer.sign('ast_2', 'user')).toMatchObject({ hash });

    // A sweep would republish it.
    worker.child.signal('SIGSTOP');
    await system.redis.set('{rekey}:current:ast_2', foreign);
    await system.redis.xadd(EVENTS, '*', 'event', foreign);
    const stopped = { error: expect.stringContaining('cannot be read any more') };
    expect(
      await eventually(
        () => consumer.sign('ast_2', 'user'),
        (answer) => answer.hash === undefined,
      ),
    ).toMatchObject(stopped);
    expect(await consumer.status()).toMatchObject({
      unreadable: 1,
      keys: ASSISTANTS - 1,
      unapplied: { count: 1, first: [{ assistant_id: 'ast_2', version }] },
    });
    expect(consumer.complaints()).toContain('signs no more for "ast_2"');
    // A consumer that starts now has no such key. One that takes a new snapshot still does not sign.
    const { snapshots } = await consumer.status();
    await system.redis.xadd(
      EVENTS,
      '*',
      'event',
      JSON.stringify({ type: 'rekey.consumer.changed.v1', subject: 'billing', data: {} }),
    );
    await consumer.untilStatus((status) => status.snapshots > snapshots);
    expect(await consumer.sign('ast_2', 'user')).toMatchObject(stopped);

    await system.redis.set('{rekey}:current:ast_2', right);
    worker.child.signal('SIGCONT');
    await eventually(
      () => consumer.sign('ast_2', 'user'),
      (answer) => answer.hash === hash,
    );
    expect(await consumer.status()).toMatchObject({
      unreadable: 0,
      keys: ASSISTANTS,
      unapplied: { count: 0 },
    });
  });

  it('that was removed signs with unchanged keys, and not with keys rotated since', async () => {
    const consumers = createConsumers({ redis: system.redis, prefix: 'rekey' });
    const consumer = await startPythonConsumer(system, await addConsumer(system, 'leaver'));
    await consumers.write(
      'leaver',
      await eventually(
        async () => (await consumers.get('leaver'))!,
        (seen) => seen.consumer.state === 'ACTIVE',
      ),
      undefined,
      { readers: true, tell: 'REMOVED' },
    );
    await consumer.untilStatus(({ state }) => state === 'waiting');
    expect(await consumer.sign('ast_1', 'user')).toMatchObject({ hash: await trueHash('ast_1', 'user') });
    await system.rotateAndWait('ast_1');
    expect(
      await eventually(
        () => consumer.sign('ast_1', 'user'),
        (answer) => answer.hash === undefined,
      ),
    ).toMatchObject({ error: expect.stringContaining('cannot be read any more') });
    expect(await consumer.sign('ast_2', 'user')).toMatchObject({ hash: await trueHash('ast_2', 'user') });
    expect(consumer.complaints().match(/there is no consumer of this name/g)).toHaveLength(1);
  });

  it('reports the first 20 refusals since its last snapshot, and their number', async () => {
    const consumer = await startPythonConsumer(system, billing);
    await untilCaughtUp(consumer);
    const genuine = await current('ast_1');
    // Numbered in stream order: a gap would lead to a new snapshot.
    const first = await seqAfter();
    const transaction = system.redis.multi();
    for (let i = 0; i < 25; i += 1)
      transaction.xadd(
        EVENTS,
        '*',
        'event',
        JSON.stringify({ ...genuine, data: { ...genuine.data, seq: first + i, version: 7 + i } }),
      );
    transaction.set('{rekey}:seq', first + 24);
    await transaction.exec();
    const { unapplied, snapshots } = await consumer.untilStatus((status) => status.unapplied.count === 25);
    expect(snapshots).toBe(1);
    expect(unapplied.first.map((of) => of.version)).toEqual(Array.from({ length: 20 }, (_, i) => 7 + i));
    const position = await lastId();
    const acks = await eventually(
      () => acknowledgementsOf(system, consumer.instance),
      (all) => all.at(-1)?.position === position,
    );
    expect(acks.at(-1)).toMatchObject({ seq: first - 1, unapplied });
  });

  it('refuses a current record that was copied over another', async () => {
    // A sweep would restore it.
    worker.child.signal('SIGSTOP');
    const text = (await system.redis.get('{rekey}:current:ast_6'))!;
    await system.redis.set('{rekey}:current:ast_6', (await system.redis.get('{rekey}:current:ast_7'))!);
    const consumer = await startPythonConsumer(system, billing);
    await system.redis.set('{rekey}:current:ast_6', text);
    worker.child.signal('SIGCONT');
    expect(await consumer.status()).toMatchObject({
      refused: 1,
      keys: ASSISTANTS - 1,
      unapplied: { count: 1, first: [{ assistant_id: 'ast_6' }] },
    });
    expect(await consumer.sign('ast_6', 'user')).toMatchObject({
      error: 'no key of this assistant is known',
    });
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

    // The entries after it are trimmed too: then the next seq shows the gap. After an empty stream the consumer
    // knows no seq until an entry comes.
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
    expect(consumer.complaints()).toContain('the run of events is another one');
    await untilCaughtUp(consumer);
  });

  it('notices changes of its entry, and drops the keys of orgs that it may no longer read', async () => {
    const consumers = createConsumers({ redis: system.redis, prefix: 'rekey' });
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
      { readers: true, tell: 'ACTIVE' },
    );
    await consumer.untilStatus(({ keys, state }) => keys === 0 && state === 'following');
    await consumers.write('changing', await consumers.get('changing'), undefined, {
      readers: true,
      tell: 'REMOVED',
    });
    expect(await consumer.untilStatus(({ state }) => state === 'waiting')).toMatchObject({
      problem: 'there is no consumer of this name: it has not been added, or was removed',
    });
    expect(await consumer.stop()).toBe(0);
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
    ['what is no key', async () => ({ keys: [{ kty: 'OKP', use: 'enc' }] }), 'the key file is no JWK Set'],
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
    const consumers = createConsumers({ redis: system.redis, prefix: 'rekey' });
    const { consumer } = (await consumers.get('late'))!;
    await consumers.write(
      'late',
      await eventually(
        async () => (await consumers.get('late'))!,
        (seen) => seen.consumer.state === 'ACTIVE',
      ),
      undefined,
      { readers: true },
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
