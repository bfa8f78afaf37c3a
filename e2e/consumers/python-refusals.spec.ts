import { createSecretKey, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { KEY_ROTATED } from '@rekey/schema';
import { sealRecord, type SharedKeys } from '@rekey/sealing';
import type { App } from '@rekey/testing';
import {
  acknowledgementsOf,
  addConsumer,
  describeConsumer,
  killPythonConsumers,
  sharedKeysOf,
  startPythonConsumer,
  type AddedConsumer,
} from './python-consumer.ts';
import { ASSISTANTS, EVENTS, readerOf, startPythonSystem } from './python-system.ts';
import { ledgerOf } from '../support/ledger.ts';
import { eventually, type System } from '../support/system.ts';

describeConsumer('consumer.py', () => {
  let system: System;
  let billing: AddedConsumer;
  let worker: App;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    ({ system, billing, worker, stop } = await startPythonSystem());
  });
  afterEach(killPythonConsumers);
  afterAll(() => stop());
  const { lastId, current, trueHash, expectValidSignature, untilCaughtUp, seqAfter } = readerOf(() => system);

  /** An event about itself makes a consumer take a snapshot. */
  const untilNextSnapshot = async (
    consumer: Awaited<ReturnType<typeof startPythonConsumer>>,
    snapshots: number,
  ): Promise<void> => {
    await system.redis.xadd(
      EVENTS,
      '*',
      'event',
      JSON.stringify({ type: 'rekey.consumer.changed.v1', subject: 'billing', data: {} }),
    );
    await consumer.untilStatus((status) => status.snapshots > snapshots);
  };

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
      ['a higher version in clear', { ...genuine, data: { ...genuine.data, version: version + 1 } }],
      [
        'another assistant in clear',
        { ...genuine, subject: 'ast_2', source: '/orgs/org_demo/assistants/ast_2' },
      ],
      ['another org in clear', { ...genuine, source: '/orgs/org_other/assistants/ast_1' }],
      ['another type in clear', { ...genuine, type: 'rekey.assistant.key-removed.v1' }],
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
      `{"assistant_id": "ast_1", "version": ${version + 1}, ` +
        '"why": "its proof is wrong: it does not come from Rekey"}',
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

  it('names a version below a held one of the future as unapplied, and keeps what it holds', async () => {
    const consumer = await startPythonConsumer(system, billing);
    await untilCaughtUp(consumer);
    const own = await sharedKeysOf(system, billing);
    const genuine = await current('ast_3');
    const publish = async (version: number, secretKey: string) => {
      const content = {
        type: KEY_ROTATED,
        orgId: 'org_demo',
        assistantId: 'ast_3',
        version,
        cause: 'rotation',
        assistantJson: JSON.stringify({ id: 'ast_3', secret_key: secretKey }),
      } as const;
      const sealed = JSON.parse(sealRecord(system.sealer, content, [own])) as unknown;
      const seq = await seqAfter();
      const data = { ...genuine.data, seq, version, sealed };
      await system.redis
        .multi()
        .xadd(EVENTS, '*', 'event', JSON.stringify({ ...genuine, data }))
        .set('{rekey}:seq', seq)
        .exec();
    };
    const [now, hour] = [Date.now() * 1000, 3_600_000_000];
    await publish(now + hour, 'sk_ahead');
    await consumer.untilStatus(({ unapplied }) => unapplied.count === 0);
    await eventually(
      () => consumer.sign('ast_3', 'user'),
      ({ version }) => version === now + hour,
    );
    await publish(now, 'sk_next');
    const { unapplied } = await consumer.untilStatus((status) => status.unapplied.count === 1);
    expect(unapplied.first).toEqual([
      { assistant_id: 'ast_3', version: now, why: 'the held key has a version in the future' },
    ]);
    expect(await consumer.sign('ast_3', 'user')).toMatchObject({ version: now + hour });
    await publish(now + hour + 1, 'sk_later');
    await eventually(
      () => consumer.sign('ast_3', 'user'),
      ({ version }) => version === now + hour + 1,
    );
  });

  it('misses nothing after refusals, counts them over snapshots, and pauses between snapshots', async () => {
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
    expect(consumer.complaints()).toContain('no longer signs for "ast_2"');
    // A consumer that starts now has no such key. One that takes a new snapshot still does not sign.
    const { snapshots } = await consumer.status();
    await untilNextSnapshot(consumer, snapshots);
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

  it('reports a key below a held one of the future over snapshots, until it is started again', async () => {
    const consumer = await startPythonConsumer(system, billing);
    const counter = '{rekey}:assistant:ast_3';
    const before = await system.redis.hmget(counter, 'version', 'epoch');
    const ahead = String((Date.now() + 3_600_000) * 1000);
    await system.redis.hset(counter, { version: ahead, epoch: ahead });
    await system.rotateAndWait('ast_3');
    await expectValidSignature(consumer, 'ast_3');
    await system.redis.hset(counter, { version: before[0]!, epoch: before[1]! });
    await system.rotateAndWait('ast_3');
    const { version } = (await current('ast_3')).data;
    const outrun = { assistant_id: 'ast_3', version, why: 'the held key has a version in the future' };
    const reported = { unapplied: { count: 1, first: [outrun] }, refused: 1 };
    const { snapshots } = await consumer.untilStatus(({ unapplied }) => unapplied.count > 0);
    expect(await consumer.status()).toMatchObject(reported);
    await untilNextSnapshot(consumer, snapshots);
    expect(await consumer.status()).toMatchObject(reported);
    await consumer.stop();
    const restarted = await startPythonConsumer(system, billing);
    await expectValidSignature(restarted, 'ast_3');
    expect(await restarted.status()).toMatchObject({ unapplied: { count: 0 } });
  });

  it('that was removed signs with unchanged keys, and not with keys rotated since', async () => {
    const consumers = ledgerOf(system).consumers;
    const consumer = await startPythonConsumer(system, await addConsumer(system, 'leaver'));
    await consumers.write(
      'leaver',
      await eventually(
        async () => (await consumers.get('leaver'))!,
        (seen) => seen.consumer.state === 'ACTIVE',
      ),
      undefined,
      { reseals: true, emit: 'REMOVED' },
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
});
