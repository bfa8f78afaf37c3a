import { describe, expect, it } from '@jest/globals';
import { openLedger } from '@rekey/ledger';
import { createRecordingLogger, silentLogger as logger } from '@rekey/runtime';
import { KEY_ROTATED, KEY_UNCERTAIN, type Consumer, type KeyEvent } from '@rekey/schema';
import { generateConsumerKey, generateSharedKeys, parseSharedKeys, sealRecord } from '@rekey/sealing';
import { silentMeter } from '../metrics/meter-fixture.ts';
import { createPublisher } from '../publishing/publisher.ts';
import { createRecipients } from '../publishing/recipients.ts';
import { sealer } from '../publishing/sealing-fixture.ts';
import {
  add,
  consumers,
  entry,
  eventOf,
  ledger,
  publish,
  readBy,
  recipients,
  redis,
  round,
  useEnrolment,
} from './enrolment-fixture.ts';
import { enrolConsumers } from './enrolment.ts';
import { resealAll } from './reseal.ts';

/* What another client that writes to the Redis of Rekey gains: nothing. */

useEnrolment();

const write = async (name: string, fields: Partial<Consumer>) => {
  const before = await redis.hget('{spec}:consumers', name);
  const own = before === null ? {} : (JSON.parse(before) as object);
  await redis.hset('{spec}:consumers', name, JSON.stringify({ ...own, ...fields }));
  await redis.hincrby('{spec}:ledger', 'consumers', 1);
  await redis.hincrby('{spec}:ledger', 'readers', 1);
};
/** The key ids that a record is sealed for, without Rekey's own. */
const sealedFor = async (assistantId: string) =>
  (await eventOf(assistantId)).data.sealed.recipients.slice(1).map(({ header }) => header.kid);
const kidOf = async (name: string) =>
  parseSharedKeys(await sealer.openOwn((await entry(name)).kept, 'kept')).kid;
/** A worker that has just started. */
const startAnew = async () => {
  const anew = openLedger(redis, { prefix: 'spec', registry: { key: sealer.registryKey } });
  const own = createRecipients({ registry: anew.registry, sealer, logger });
  await own.refresh();
  const stopping = new AbortController().signal;
  const redisRuns = () => 1;
  const deps = { ledger: anew, sealer, recipients: own, logger, meter: silentMeter, redisRuns, stopping };
  return { ledger: anew, recipients: own, round: enrolConsumers(deps) };
};

describe('an entry that a writer in Redis has added', () => {
  it('gets no grant and no record, and holds up nobody', async () => {
    await publish('ast_1');
    const billing = await add('billing', ['org_1']);
    await round();
    const { d: _, ...key } = await generateConsumerKey('X25519');
    await write('evil', { name: 'evil', orgs: ['*'], state: 'PENDING', created_at: '', key } as Consumer);
    const anew = await startAnew();
    for (const one of [round, anew.round]) {
      await one();
      await publish('ast_2');
      expect(JSON.parse((await redis.hget('{spec}:consumers', 'evil'))!)).not.toHaveProperty('grant');
      expect(await sealedFor('ast_1')).toEqual([await kidOf('billing')]);
    }
    expect(await readBy(billing, 'ast_2')).toBe('sk_ast_2');
    await anew.ledger.registry.look({ full: true });
    expect(anew.ledger.registry.problems()).toEqual([
      expect.objectContaining({ code: 'CONSUMER_UNTRUSTED', subject: 'evil' }),
    ]);
  });
});

describe.each<[what: string, change: (thiefsKeys: unknown) => Partial<Consumer>]>([
  ['whose own orgs are changed', () => ({ orgs: ['*'], state: 'ENROLLING' })],
  ['that is to get a new grant', () => ({ state: 'PENDING', orgs: ['*'] })],
  ['whose kept keys are those of a thief', (kept) => ({ kept }) as Partial<Consumer>],
  ['whose shared key is that of a thief', (shared_key) => ({ shared_key, state: 'PENDING' })],
])('a consumer %s by a writer in Redis', (_what, change) => {
  it('is sealed for as before, and put back', async () => {
    await publish('ast_1', 'org_1');
    await publish('ast_2', 'org_2');
    await add('crm', ['org_1']);
    await round();
    const [before, kid] = [await redis.hget('{spec}:consumers', 'crm'), await kidOf('crm')];
    await write('crm', change(JSON.parse(sealer.sealOwn(await generateSharedKeys(), 'kept'))));
    const anew = await startAnew();
    await anew.round();
    expect(anew.recipients.of('org_2').names).toEqual([]);
    expect(anew.recipients.of('org_1').names).toEqual([]);
    await round();
    expect([await sealedFor('ast_1'), await sealedFor('ast_2')]).toEqual([[kid], []]);
    await ledger.registry.look({ full: true });
    expect(await redis.hget('{spec}:consumers', 'crm')).toBe(before);
    await round();
    await anew.round();
    expect([await sealedFor('ast_1'), await sealedFor('ast_2')]).toEqual([[kid], []]);
    expect(anew.recipients.of('org_1').names).toEqual(['crm']);
  });
});

describe('a record that a writer in Redis has put elsewhere', () => {
  const reseal = async () => {
    const { logger: recording, logged } = createRecordingLogger();
    const stopping = new AbortController().signal;
    await redis.del('{spec}:resealing');
    await recipients.refresh();
    const deps = { ledger, sealer, recipients, logger: recording, meter: silentMeter, stopping };
    const count = await resealAll(deps, 'token');
    return { count, logged };
  };

  const atAst1 = () => redis.get('{spec}:current:ast_1');
  const amongNotices = () => redis.hget('{spec}:uncertain', 'ast_0');

  it.each<
    [
      what: string,
      put: (of0: KeyEvent) => Promise<unknown>,
      stored: () => Promise<string | null>,
      named: boolean,
    ]
  >([
    [
      'under an assistant of another org',
      (of0) =>
        redis.set('{spec}:current:ast_1', JSON.stringify({ ...of0, source: '/orgs/org_1/assistants/ast_1' })),
      atAst1,
      true,
    ],
    [
      'under another assistant, as it is',
      async (of0) => {
        await redis.zadd('{spec}:assistants:org_1', 1, 'ast_0');
        await redis.set('{spec}:current:ast_1', JSON.stringify(of0));
      },
      atAst1,
      false,
    ],
    [
      'among the notices of uncertainty',
      (of0) =>
        redis.hset(
          '{spec}:uncertain',
          'ast_0',
          JSON.stringify({ ...of0, source: '/orgs/org_1/assistants/ast_0' }),
        ),
      amongNotices,
      true,
    ],
    [
      'among the notices of uncertainty, as another event',
      (of0) =>
        redis.hset(
          '{spec}:uncertain',
          'ast_0',
          JSON.stringify({ ...of0, type: KEY_UNCERTAIN, source: '/orgs/org_1/assistants/ast_0' }),
        ),
      amongNotices,
      true,
    ],
  ])('%s is sealed for nobody else', async (_what, put, stored, named) => {
    await publish('ast_0', 'org_0');
    await publish('ast_1', 'org_1');
    await put(await eventOf('ast_0'));
    await add('thief', ['org_1']);
    await round();
    const { logged } = await reseal();
    expect(logged.map(({ event }) => event)).toEqual(named ? ['record_misplaced'] : []);
    const kid = await kidOf('thief');
    const { recipients: sealed } = (JSON.parse((await stored())!) as KeyEvent).data.sealed;
    expect(sealed.filter(({ header }) => header.kid === kid)).toEqual([]);
  });
});

describe('a revision of the recipients that another client changes all the time', () => {
  it.each([
    ['x', 'x'],
    ['01', '01'],
    ['2^60', '1152921504606846976'],
    ['-1', '-1'],
    ['a long text', 'y'.repeat(2000)],
  ])('commits what is sealed at %s', async (text) => {
    await redis.hset('{spec}:ledger', 'readers', text);
    await recipients.refresh();
    expect(await publish('ast_1')).toMatchObject({ kind: 'committed' });
  });

  it('holds up no commit for longer than two seconds, and reseals no more often', async () => {
    await publish('ast_0');
    await add('billing', ['org_1']);
    await round();
    const { logger: recording, logged } = createRecordingLogger();
    const changing = redis.duplicate();
    const ending = new AbortController();
    const run = (async () => {
      while (!ending.signal.aborted) await changing.hincrby('{spec}:ledger', 'readers', 1);
    })();
    const publisher = createPublisher({
      ledger,
      sealer,
      recipients,
      logger: recording,
      clock: { nowMs: () => performance.now(), sleep: async () => {} },
      meter: silentMeter,
    });
    const finding = {
      record: {
        id: 'ast_1',
        secretKey: 'sk',
        deleted: false,
        json: '{"id":"ast_1","secret_key":"sk"}',
        unexpected: [],
      },
      secretKey: 'sk',
    };
    try {
      const looked = await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' });
      if (looked.kind !== 'begun') throw new Error(looked.kind);
      const { hold } = looked;
      const read = { beganMs: hold.atMs, lagMs: 0 };
      const anchor = { redisMs: hold.atMs, clockMs: performance.now() };
      const beganAt = performance.now();
      await publisher.publish(hold, anchor, { finding, cause: 'import', rotation: 'continues', read });
      expect(performance.now() - beganAt).toBeLessThan(3000);
      expect(await sealedFor('ast_1')).toEqual([await kidOf('billing')]);
      for (let i = 0; i < 5; i += 1) await round();
      await enrolWith(recording);
    } finally {
      ending.abort();
      await run;
      changing.disconnect();
    }
    expect(logged.filter(({ event }) => event === 'records_resealed').length).toBeLessThanOrEqual(1);
  });
  const enrolWith = async (recording: typeof logger) => {
    const stopping = new AbortController().signal;
    const own = enrolConsumers({
      ledger,
      sealer,
      recipients,
      logger: recording,
      meter: silentMeter,
      redisRuns: () => 1,
      stopping,
    });
    for (let i = 0; i < 5; i += 1) await own();
  };
});

describe('a consumer whose kid names another key', () => {
  it('gets no grant', async () => {
    const { d: _, ...key } = await generateConsumerKey('X25519');
    await consumers.write('odd', undefined, {
      name: 'odd',
      orgs: ['*'],
      state: 'PENDING',
      created_at: '',
      key: { ...key, kid: 'another' },
    } as Consumer);
    await round();
    expect(await entry('odd')).toMatchObject({ state: 'PENDING' });
  });
});

describe('the grant of a consumer', () => {
  it('names the revision of the write that stores it, and its entry the kid of the keys', async () => {
    await add('billing', ['org_1']);
    await round();
    expect((await entry('billing')).grant_kid).toBe(await kidOf('billing'));
    const content = { type: KEY_ROTATED, orgId: 'o', assistantId: 'a', version: 1, cause: 'import' } as const;
    expect(sealRecord(sealer, content, recipients.of('org_1').keys)).toContain(await kidOf('billing'));
  });
});
