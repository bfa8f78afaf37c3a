import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { silentLogger as logger } from '@rekey/runtime';
import { KEY_ROTATED, KEY_UNCERTAIN, KeyEvent, type Consumer } from '@rekey/schema';
import { openEnvelope, openGrant, sealRecord } from '@rekey/sealing';
import { createRecipients } from '../publishing/recipients.ts';
import { sealer } from '../publishing/sealing-fixture.ts';
import {
  add,
  commit,
  consumers,
  entry,
  eventOf,
  ledger,
  noteRestart,
  publish,
  readBy,
  recipients,
  redis,
  round,
  startWorker,
  useEnrolment,
  verifiers,
} from './enrolment-fixture.ts';

useEnrolment();

describe('an added consumer', () => {
  it('can open the earlier and later records of the orgs that it may read', async () => {
    for (let i = 0; i < 250; i += 1) await publish(`ast_${i}`);
    await publish('ast_other', 'org_2');
    const billing = await add('billing', ['org_1']);
    expect(await entry('billing')).toMatchObject({ state: 'PENDING' });
    await round();
    expect(await entry('billing')).toMatchObject({ state: 'ACTIVE' });
    for (let i = 0; i < 250; i += 1) expect(await readBy(billing, `ast_${i}`)).toBe(`sk_ast_${i}`);
    expect(await readBy(billing, 'ast_other')).toBeUndefined();
    await publish('ast_new');
    expect(await readBy(billing, 'ast_new')).toBe('sk_ast_new');
  });

  it('gets an event once it can open everything, in the order of all other events', async () => {
    await publish('ast_1');
    await add('billing', ['*']);
    await round();
    const texts = (await redis.xrange('{spec}:events', '-', '+')).map(
      ([, fields]) =>
        JSON.parse(fields[1]!) as { type: string; subject: string; data: { seq: number; state?: string } },
    );
    expect(texts.map(({ type, subject, data }) => [data.seq, type, subject, data.state])).toEqual([
      [1, KEY_ROTATED, 'ast_1', undefined],
      [2, 'rekey.consumer.changed.v1', 'billing', 'ACTIVE'],
    ]);
  });

  it('waits for no lock of a worker that has done its work, or has stopped', async () => {
    await publish('ast_1');
    await add('billing', ['org_1']);
    await round();
    expect(await redis.exists('{spec}:resealing')).toBe(0);
    await add('audit', ['org_1']);
    const worker = startWorker();
    while ((await entry('audit')).state !== 'ACTIVE') await sleep(20);
    await worker.close();
    expect(await redis.exists('{spec}:resealing')).toBe(0);
    await add('crm', ['org_1']);
    await round();
    expect(await entry('crm')).toMatchObject({ state: 'ACTIVE' });
  });

  it('waits for the lock of another worker', async () => {
    await redis.set('{spec}:resealing', 'another', 'PX', 20_000);
    await add('billing', ['org_1']);
    await round();
    await ledger.consumers.unlockResealing('one');
    expect(await redis.get('{spec}:resealing')).toBe('another');
    expect(await entry('billing')).toMatchObject({ state: 'ENROLLING' });
  });

  it.each([
    ['that never ends', () => redis.set('{spec}:resealing', 'another')],
    ['that ends in a year', () => redis.set('{spec}:resealing', 'another', 'EX', 31_536_000)],
    ['of another type', () => redis.rpush('{spec}:resealing', 'another')],
  ])('waits half a minute at most for a lock %s', async (_, lock) => {
    await lock();
    await add('billing', ['org_1']);
    await round();
    expect(await redis.pttl('{spec}:resealing')).toBeLessThanOrEqual(30_000);
    expect(await redis.pttl('{spec}:resealing')).not.toBe(-1);
  });

  it('gets a grant that requires key proofs, and its records have them', async () => {
    await publish('ast_1');
    const beganMs = Date.now();
    const billing = await add('billing', ['org_1']);
    await round();
    const { grant, grant_kid: kid } = await entry('billing');
    const opened = await openGrant(grant!, { consumer: 'billing', own: billing.own, verifiers });
    expect(opened).toMatchObject({ kid, needsKeyProof: true });
    expect(opened.revision).toBeGreaterThanOrEqual(beganMs * 1000);
    expect(await readBy(billing, 'ast_1')).toBe('sk_ast_1');
  });

  it('causes a reseal of all records that the version before sealed without key proofs', async () => {
    const crm = await add('crm', ['org_1']);
    await round();
    await publish('ast_1');
    const event = await eventOf('ast_1');
    const { sealed } = event.data;
    const recipientsBefore = sealed.recipients.map((one) => ({
      ...one,
      header: { ...one.header, key_proof: undefined },
    }));
    const before = { ...event, data: { ...event.data, sealed: { ...sealed, recipients: recipientsBefore } } };
    await redis.set('{spec}:current:ast_1', JSON.stringify(before));
    await expect(readBy(crm, 'ast_1')).rejects.toThrow('does not come from Rekey');
    await add('billing', ['org_2']);
    await round();
    expect(await readBy(crm, 'ast_1')).toBe('sk_ast_1');
  });

  it('that a worker cannot seal for is named, once it is to be sealed for', async () => {
    await add('billing', ['org_1']);
    await recipients.refresh();
    expect(recipients.notSealedFor()).toEqual([]);
    await round();
    expect(recipients.notSealedFor()).toEqual([]);
    const { kept: _, ...rest } = await entry('billing');
    for (const kept of [{}, JSON.parse(sealer.sealOwn('{}', 'shared-key')) as unknown, undefined]) {
      const after = { ...rest, ...(kept !== undefined && { kept }) } as Consumer;
      await consumers.write('billing', await consumers.get('billing'), after);
      await recipients.refresh();
      expect(recipients.notSealedFor()).toEqual(['billing']);
      expect(recipients.of('org_1').keys).toEqual([]);
    }
  });

  it('gets uncertainty notices sealed for it too', async () => {
    await publish('ast_1');
    const { version } = (await eventOf('ast_1')).data;
    const content = { type: KEY_UNCERTAIN, orgId: 'org_1', assistantId: 'ast_1', version: version! } as const;
    const uncertainEvent = {
      ...(await eventOf('ast_1')),
      id: 'uncertain-1',
      type: KEY_UNCERTAIN,
      data: {
        seq: 2,
        run: 1,
        version,
        rotation_id: null,
        bulk_rotation_id: null,
        sealed: JSON.parse(sealRecord(sealer, content)) as unknown,
      },
    };
    await redis.hset('{spec}:uncertain', 'ast_1', JSON.stringify(uncertainEvent));
    const billing = await add('billing', ['org_1']);
    await round();
    const shared = await openGrant((await entry('billing')).grant!, {
      consumer: 'billing',
      own: billing.own,
      verifiers,
    });
    const uncertain = KeyEvent.parse(JSON.parse((await redis.hget('{spec}:uncertain', 'ast_1'))!));
    expect(openEnvelope(uncertain.data.sealed, shared)).toContain(KEY_UNCERTAIN);
  });

  it('misses nothing from a worker that does not know of it yet', async () => {
    const late = createRecipients({ registry: ledger.registry, sealer, logger });
    await late.refresh();
    const billing = await add('billing', ['org_1']);
    await round();
    const looked = await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' });
    if (looked.kind !== 'begun') throw new Error(looked.kind);
    const seal = () =>
      sealRecord(
        sealer,
        {
          type: KEY_ROTATED,
          orgId: 'org_1',
          assistantId: 'ast_1',
          version: looked.hold.epoch,
          cause: 'import',
          assistantJson: '{"id":"ast_1","secret_key":"sk_1"}',
        },
        late.of('org_1').keys,
      );
    expect(await commit(looked.hold, seal(), late.of('org_1').revision)).toEqual({
      kind: 'other-recipients',
    });
    expect(await redis.exists('{spec}:current:ast_1')).toBe(0);
    await late.refresh();
    expect(await commit(looked.hold, seal(), late.of('org_1').revision)).toMatchObject({ kind: 'committed' });
    expect(await readBy(billing, 'ast_1')).toBe('sk_1');
  });

  it('keeps its grant and its sealed records when other consumers are added or removed', async () => {
    await publish('ast_1');
    const billing = await add('billing', ['org_1']);
    await round();
    const [grant, record] = [(await entry('billing')).grant, await redis.get('{spec}:current:ast_1')];
    await add('crm', ['org_2'], 'P-256');
    await round();
    expect((await entry('billing')).grant).toBe(grant);
    expect(await redis.get('{spec}:current:ast_1')).toBe(record);
    expect(await readBy(billing, 'ast_1')).toBe('sk_ast_1');
  });
});

describe('a record that a writer in Redis has put elsewhere', () => {
  const put = (key: string, event: object) => redis.set(`{spec}:current:${key}`, JSON.stringify(event));

  it.each<[what: string, assistantId: string, change: (event: KeyEvent) => object]>([
    ['under another org', 'ast_2', (event) => ({ ...event, source: '/orgs/org_2/assistants/ast_2' })],
    ['under another assistant', 'ast_1', (event) => event],
    [
      'under another org and assistant',
      'ast_1',
      (event) => ({ ...event, subject: 'ast_1', source: '/orgs/org_2/assistants/ast_1' }),
    ],
    ['as another version', 'ast_2', (event) => ({ ...event, data: { ...event.data, version: 7 } })],
  ])('%s is sealed for nobody', async (_what, assistantId, change) => {
    await publish('ast_1', 'org_2');
    await publish('ast_2', 'org_1');
    await put(assistantId, change(await eventOf('ast_2')));
    const before = await redis.get(`{spec}:current:${assistantId}`);
    await add('thief', ['org_2']);
    await add('honest', ['org_1']);
    await round();
    expect(await entry('thief')).toMatchObject({ state: 'ACTIVE' });
    expect(await redis.get(`{spec}:current:${assistantId}`)).toBe(before);
  });
});

describe('the revision of the recipients', () => {
  it.each(['x', '01x', '-1', '1e3', '1.5', '99999999999999999999', ''])(
    'that is %j counts as 0, so that what is sealed can be committed',
    async (text) => {
      await redis.hset('{spec}:ledger', 'readers', text);
      await recipients.refresh();
      expect(await publish('ast_1')).toMatchObject({ kind: 'committed' });
    },
  );

  it.each(['x', '-1', '0', '9999999999999999', '1'])(
    'that was set to %j rises above all before, so that a consumer that is added gets what was published',
    async (text) => {
      await add('crm', ['org_2']);
      await round();
      await redis.hset('{spec}:ledger', 'readers', text);
      await recipients.refresh();
      await publish('ast_1');
      const billing = await add('billing', ['org_1']);
      await round();
      expect(await entry('billing')).toMatchObject({ state: 'ACTIVE' });
      expect(await readBy(billing, 'ast_1')).toBe('sk_ast_1');
    },
  );
});

describe('a Redis that has lost its last seconds', () => {
  it('gets records sealed again for the consumers that workers know, as soon as it is back', async () => {
    await publish('ast_1');
    const gone = await add('gone', ['org_1']);
    await round();
    const keys = ['ledger', 'registry', 'consumers', 'current:ast_1'].map((key) => `{spec}:${key}`);
    const copies = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
    const shared = await openGrant((await entry('gone')).grant!, {
      consumer: 'gone',
      own: gone.own,
      verifiers,
    });
    const crm = await add('crm', ['org_1']);
    await round();
    await consumers.write('gone', await consumers.get('gone'), undefined, { reseals: true });
    await round();

    for (const [i, key] of keys.entries()) await redis.restore(key, 0, copies[i]!, 'REPLACE');
    await ledger.registry.look({ full: true });
    noteRestart();
    await round();
    expect(openEnvelope((await eventOf('ast_1')).data.sealed, shared)).toBeUndefined();
    expect(await readBy(crm, 'ast_1')).toBe('sk_ast_1');
  });
});

describe('a removed consumer', () => {
  it('can open neither later records nor the current ones', async () => {
    await publish('ast_1');
    const [billing, crm] = [await add('billing', ['org_1']), await add('crm', ['org_1'])];
    await round();
    const shared = await openGrant((await entry('billing')).grant!, {
      consumer: 'billing',
      own: billing.own,
      verifiers,
    });
    await consumers.write('billing', await consumers.get('billing'), undefined, {
      reseals: true,
      emit: 'REMOVED',
    });
    await round();
    await publish('ast_2');
    for (const assistantId of ['ast_1', 'ast_2']) {
      expect(openEnvelope((await eventOf(assistantId)).data.sealed, shared)).toBeUndefined();
      expect(await readBy(crm, assistantId)).toBe(`sk_${assistantId}`);
    }
  });

  it('has other keys when it is added again under the same name', async () => {
    const first = await add('billing', ['org_1']);
    await round();
    const before = (
      await openGrant((await entry('billing')).grant!, { consumer: 'billing', own: first.own, verifiers })
    ).kid;
    await consumers.write('billing', await consumers.get('billing'), undefined, { reseals: true });
    const second = await add('billing', ['org_1']);
    await round();
    expect(
      (await openGrant((await entry('billing')).grant!, { consumer: 'billing', own: second.own, verifiers }))
        .kid,
    ).not.toBe(before);
  });
});

describe('a key that another client has damaged', () => {
  it.each<[string, () => Promise<unknown>]>([
    [
      'the index of another org',
      async () => {
        await redis.sadd('{spec}:orgs', 'org_x');
        await redis.set('{spec}:assistants:org_x', 'x');
      },
    ],
    ['the uncertain assistants', () => redis.set('{spec}:uncertain', 'x')],
  ])('holds up no consumer, and is named: %s', async (_what, damage) => {
    await publish('ast_1');
    await damage();
    const billing = await add('billing', ['org_1']);
    await round();
    await round();
    expect((await entry('billing')).state).toBe('ACTIVE');
    expect(await readBy(billing, 'ast_1')).toBe('sk_ast_1');
    expect((await ledger.system.status()).attention.map(({ code }) => code)).toContain('LEDGER_DAMAGED');
    // What could not be read is not resealed: the next pass looks at it again.
    const [readers, resealed] = await redis.hmget('{spec}:ledger', 'readers', 'resealed');
    expect(resealed).not.toBe(readers);
  });
});

describe('a consumer that waits', () => {
  it('is enrolled although another client says that all is resealed', async () => {
    await publish('ast_1');
    const billing = await add('billing', ['org_1']);
    const { lockResealing } = consumers;
    consumers.lockResealing = async () => false;
    await round();
    consumers.lockResealing = lockResealing;
    expect((await entry('billing')).state).toBe('ENROLLING');
    await redis.hset('{spec}:ledger', 'resealed', (await redis.hget('{spec}:ledger', 'readers'))!);
    await round();
    expect((await entry('billing')).state).toBe('ACTIVE');
    expect(await readBy(billing, 'ast_1')).toBe('sk_ast_1');
  });
});

describe('a consumer of an org that has two names', () => {
  it.each([[['c', 'org_real']], [['c']]])(
    'keeps both until all is renamed, although its entry is written meanwhile: %j',
    async (orgs) => {
      await ledger.registry.noteAlias('org_real', 'learned');
      await recipients.refresh();
      await publish('ast_1', 'org_real');
      const billing = await add('billing', orgs);
      const { lockResealing } = consumers;
      consumers.lockResealing = async () => false;
      await round();
      const granted = await consumers.get('billing');
      expect(granted).toMatchObject({ consumer: { state: 'ENROLLING' }, storedOrgs: ['c', 'org_real'] });
      consumers.lockResealing = lockResealing;
      await round();
      const enrolled = await consumers.get('billing');
      expect(enrolled).toMatchObject({ consumer: { state: 'ACTIVE' }, storedOrgs: ['c', 'org_real'] });
      expect(await readBy(billing, 'ast_1')).toBe('sk_ast_1');
    },
  );
});

describe('a consumer whose key is not usable', () => {
  it('does not stop others', async () => {
    await publish('ast_1');
    await consumers.write('rsa', undefined, {
      name: 'rsa',
      orgs: ['*'],
      state: 'PENDING',
      created_at: '',
      key: { kty: 'RSA', kid: 'x' },
    });
    await redis.hset('{spec}:consumers', 'broken', 'nonsense');
    const billing = await add('billing', ['org_1']);
    await round();
    expect(await readBy(billing, 'ast_1')).toBe('sk_ast_1');
    expect(await entry('rsa')).toMatchObject({ state: 'PENDING' });
  });
});
