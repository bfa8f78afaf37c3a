import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { RekeyError, ReplyTooLarge, orgsDigest, type Acknowledgement } from '@rekey/schema';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import { createConsumerPositions, type ConsumerPositions } from './consumer-positions.ts';
import type { RegisteredConsumer } from './known-consumers.ts';

let server: RedisServer;
let redis: Redis;
let positions: ConsumerPositions;
let registered: RegisteredConsumer[];
let isBelieved: boolean;
let refused: string[];
let errors: unknown[];
let blocking: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});
/** In place of a signature: the same consumer and reader hold the key. */
const proofOf = (text: string, key: string) => createHmac('sha256', key).update(text).digest('base64url');
const open = async (connection = redis.duplicate()) => {
  blocking = connection;
  positions = createConsumerPositions({
    blocking,
    prefix: 'spec',
    registered: async () => {
      if (!isBelieved) throw new RekeyError('REGISTRY_NOT_TAKEN_OVER');
      return registered;
    },
    verify: async (text, proof, key) => proof === proofOf(text, key),
    onError: (error) => errors.push(error),
    onRefused: (why) => refused.push(why),
  });
  await positions.start();
};
beforeEach(async () => {
  await redis.flushall();
  registered = ['billing', 'crm'].map((name) => ({ name, ackKey: `key of ${name}`, proves: false }));
  isBelieved = true;
  refused = [];
  errors = [];
  await open();
});
afterEach(() => positions.close());

/** What is believed of a consumer: its orgs, and how its entry names these. */
const believedEntry = (orgs: string[], more: { grant_kid?: string } = {}, storedOrgs = orgs) => ({
  consumer: { orgs, ...more },
  storedOrgs,
});

type More = Partial<Acknowledgement>;
let number = 0;
const nowMs = async () => {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
};
const textOf = async (position: string, more: More) =>
  JSON.stringify({
    consumer: 'billing',
    instance: 'i1',
    lease_ms: 10_000,
    position,
    seq: 1,
    keys: 1,
    unapplied: { count: 0, first: [] },
    number: (number += 1),
    sent_ms: await nowMs(),
    leaving: false,
    ...more,
  });
/** As a consumer writes it now. */
const ack = async (position: string, more: More = {}, key = 'key of billing') => {
  const text = await textOf(position, more);
  await redis.xadd('{spec}:acks:billing', '*', 'ack', text, 'proof', proofOf(text, key));
};
/** As a consumer of before writes it. */
const unsigned = async (position: string, more: More = {}) =>
  redis.xadd(
    '{spec}:acks',
    '*',
    'ack',
    await textOf(position, { number: undefined, sent_ms: undefined, ...more }),
  );
const until = async (what: () => boolean): Promise<void> => {
  while (!what())
    await new Promise<void>((resolve) => {
      const stop = positions.onChange(() => (stop(), resolve()));
    });
};
/** What no listener is told of. */
const untilSeen = async (what: () => boolean): Promise<void> => {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
};
const has = (position: string) => () => positions.slowest('billing')?.position === position;

describe('a consumer', () => {
  it('of which nothing was heard is gone', () => {
    expect(positions.reach('billing', '5-0')).toBe('GONE');
    expect(positions.instancesOf('billing')).toEqual([]);
  });

  it('has entries up to its position, and none after it', async () => {
    await ack('5-1');
    await until(has('5-1'));
    expect(positions.reach('billing', '5-1')).toBe('ACKNOWLEDGED');
    expect(positions.reach('billing', '5-0')).toBe('ACKNOWLEDGED');
    expect(positions.reach('billing', '5-2')).toBe('PENDING');
    expect(positions.reach('crm', '5-1')).toBe('GONE');
  });

  it('has the position of its slowest live instance', async () => {
    await ack('9-0');
    await ack('5-0', { instance: 'i2' });
    await until(has('5-0'));
    expect(positions.reach('billing', '9-0')).toBe('PENDING');
    await ack('5-0', { instance: 'i2', leaving: true });
    await until(has('9-0'));
    expect(positions.reach('billing', '9-0')).toBe('ACKNOWLEDGED');
    expect(positions.instancesOf('billing').map(({ instance, live }) => [instance, live])).toEqual([
      ['i2', false],
      ['i1', true],
    ]);
  });

  it('is gone when its lease has lapsed, and listeners are called', async () => {
    await ack('5-0', { lease_ms: 1000 });
    await until(has('5-0'));
    await until(() => positions.reach('billing', '5-0') === 'GONE');
    expect(positions.instancesOf('billing')[0]).toMatchObject({ instance: 'i1', live: false });
  });

  it('does not have what it could not apply', async () => {
    const first = [{ assistant_id: 'ast_1', version: 7, why: 'forged' }];
    await ack('5-0', { unapplied: { count: 1, first } });
    await until(has('5-0'));
    expect(positions.reach('billing', '5-0', { assistantId: 'ast_1', version: 7 })).toBe('UNAPPLIED');
    expect(positions.reach('billing', '5-0', { assistantId: 'ast_1', version: 8 })).toBe('ACKNOWLEDGED');
    expect(positions.reach('billing', '5-0', { assistantId: 'ast_2', version: 7 })).toBe('ACKNOWLEDGED');
    expect(positions.reach('billing', '5-0')).toBe('UNAPPLIED');
    await ack('6-0', { unapplied: { count: 2, first } });
    await until(has('6-0'));
    expect(positions.reach('billing', '6-0', { assistantId: 'ast_2', version: 7 })).toBe('UNAPPLIED');
  });

  it('has applied nothing if it holds another grant than that of its entry', async () => {
    await ack('5-0', { kid: 'old' });
    await until(has('5-0'));
    const version = { assistantId: 'ast_1', version: 7 };
    const withGrant = (kid: string) => believedEntry(['org_1'], { grant_kid: kid });
    expect(positions.reach('billing', '5-0', version, withGrant('new'))).toBe('UNAPPLIED');
    expect(positions.reach('billing', '5-0', undefined, withGrant('new'))).toBe('UNAPPLIED');
    expect(positions.reach('billing', '5-0', version, withGrant('old'))).toBe('ACKNOWLEDGED');
    // The entry is of the version before.
    expect(positions.reach('billing', '5-0', version)).toBe('ACKNOWLEDGED');
    // The consumer is of the version before.
    await ack('6-0');
    await until(has('6-0'));
    expect(positions.reach('billing', '6-0', version, withGrant('new'))).toBe('ACKNOWLEDGED');
  });

  it('has applied nothing if it acts by other orgs than those of its entry', async () => {
    const believed = believedEntry(['org_1', 'org_2']);
    await ack('5-0', { orgs_sha256: orgsDigest(['org_1']) });
    await until(has('5-0'));
    expect(positions.reach('billing', '5-0', undefined, believed)).toBe('UNAPPLIED');
    await ack('6-0', { orgs_sha256: '' });
    await until(has('6-0'));
    expect(positions.reach('billing', '5-0', undefined, believed)).toBe('UNAPPLIED');
    await ack('6-1', { orgs_sha256: orgsDigest(['org_1\norg_2']) });
    await until(has('6-1'));
    expect(positions.reach('billing', '5-0', undefined, believed)).toBe('UNAPPLIED');
    await ack('7-0', { orgs_sha256: orgsDigest(['org_1', 'org_2']) });
    await until(has('7-0'));
    expect(positions.reach('billing', '5-0', undefined, believed)).toBe('ACKNOWLEDGED');
  });

  it('acts by the orgs as its entry names them, while an org has two names', async () => {
    const reachBy = (storedOrgs: string[]) =>
      positions.reach('billing', '5-0', undefined, believedEntry(['org_1'], {}, storedOrgs));
    await ack('5-0', { orgs_sha256: orgsDigest(['c', 'org_1']) });
    await until(has('5-0'));
    expect(reachBy(['c', 'org_1'])).toBe('ACKNOWLEDGED');
    expect(reachBy(['org_1'])).toBe('UNAPPLIED');
    // It does not read what is published under the real name.
    await ack('6-0', { orgs_sha256: orgsDigest(['c']) });
    await until(has('6-0'));
    expect(reachBy(['c'])).toBe('UNAPPLIED');
  });

  it('has applied nothing if its position is in the future', async () => {
    const ahead = `${(await nowMs()) + 60_000}-0`;
    await ack(ahead);
    await until(has(ahead));
    expect(positions.reach('billing', '5-0')).toBe('UNAPPLIED');
    await unsigned(ahead, { consumer: 'crm' });
    await until(() => positions.slowest('crm') !== undefined);
    expect(positions.reach('crm', '5-0')).toBe('UNAPPLIED');
    await ack('6-0');
    await until(has('6-0'));
    expect(positions.reach('billing', '5-0')).toBe('ACKNOWLEDGED');
  });

  it('calls listeners when it says something else about the same position', async () => {
    const entry = believedEntry(['org_1'], { grant_kid: 'new' });
    const isReached = () => positions.reach('billing', '5-0', undefined, entry) === 'ACKNOWLEDGED';
    const said = { kid: 'old', orgs_sha256: '', unapplied: { count: 1, first: [] } };
    await ack('5-0', said);
    await until(has('5-0'));
    for (const more of [{ kid: 'new' }, { orgs_sha256: orgsDigest(['org_1']) }]) {
      Object.assign(said, more);
      await ack('5-0', said);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isReached()).toBe(false);
    const reached = until(isReached);
    await ack('5-0', { ...said, unapplied: { count: 0, first: [] } });
    await reached;
    expect(isReached()).toBe(true);
  });

  it('calls listeners when its entry has changed', async () => {
    await ack('5-0', { lease_ms: 60_000 });
    await until(has('5-0'));
    let calls = 0;
    positions.onChange(() => (calls += 1));
    registered = [...registered];
    await untilSeen(() => calls > 0);
    expect(positions.reach('billing', '5-0')).toBe('ACKNOWLEDGED');
  });

  it('is known at once to a process that starts later, unless its lease has lapsed', async () => {
    await ack('1-0', { instance: 'old', sent_ms: (await nowMs()) - 20_000 });
    await ack('5-0');
    await positions.close();
    await open();
    expect(positions.slowest('billing')).toMatchObject({ instance: 'i1', position: '5-0', live: true });
    expect(positions.instancesOf('billing')).toHaveLength(2);
  });

  it('is not affected by an entry that is no acknowledgement', async () => {
    for (const key of ['{spec}:acks', '{spec}:acks:billing']) {
      await redis.xadd(key, '*', 'ack', 'nonsense');
      await redis.xadd(key, '*', 'other', '{}');
      await redis.xadd(key, '*', 'ack', 'null', 'proof', 'x');
      await redis.xadd(key, '*', 'ack', '{}', 'proof', 'x', 'more', 'x');
      await redis.xadd(key, '*', 'ack', '{"consumer":"__proto__","instance":"i"}');
    }
    await ack('no-position');
    await ack('5-0');
    await until(has('5-0'));
    expect(positions.instancesOf('billing')).toHaveLength(1);
  });
});

describe('what is not from a consumer', () => {
  /** What the consumer has acknowledged is read, and what was written before it. */
  const settle = async (position: string) => {
    await ack(position);
    await until(has(position));
  };

  it('does not count if the signature is wrong, absent, or of another text', async () => {
    await settle('5-0');
    await ack('9-0', {}, 'key of crm');
    const text = await textOf('9-0', {});
    await redis.xadd('{spec}:acks:billing', '*', 'ack', text);
    await redis.xadd('{spec}:acks:billing', '*', 'ack', text, 'proof', proofOf(`${text} `, 'key of billing'));
    await untilSeen(() => refused.filter((why) => why === 'forged').length === 3);
    expect(positions.reach('billing', '9-0')).toBe('PENDING');
    await settle('6-0');
  });

  it('does not count for another consumer, even if it is signed', async () => {
    const text = await textOf('9-0', { consumer: 'crm' });
    await redis.xadd('{spec}:acks:billing', '*', 'ack', text, 'proof', proofOf(text, 'key of billing'));
    await redis.xadd('{spec}:acks:crm', '*', 'ack', text, 'proof', proofOf(text, 'key of billing'));
    await settle('6-0');
    expect(positions.reach('crm', '1-0')).toBe('GONE');
  });

  it('does not count for a name that is not registered', async () => {
    await unsigned('9-0', { consumer: 'nobody' });
    await unsigned('9-0', { consumer: 'crm' });
    await until(() => positions.slowest('crm') !== undefined);
    expect(positions.instancesOf('nobody')).toEqual([]);
  });

  it('does not count unsigned once its consumer has signed', async () => {
    await settle('5-0');
    await unsigned('9-0', { instance: 'i1' });
    await unsigned('9-0', { instance: 'i2' });
    await unsigned('1-0', { instance: 'i3' });
    await untilSeen(() => refused.filter((why) => why === 'unproved').length === 3);
    expect(positions.reach('billing', '5-0')).toBe('ACKNOWLEDGED');
    expect(positions.reach('billing', '6-0')).toBe('PENDING');
  });

  it('does not count unsigned if the entry says that the consumer signs', async () => {
    registered = [{ name: 'billing', ackKey: 'key of billing', proves: true }];
    await positions.close();
    await unsigned('9-0');
    await open();
    expect(positions.reach('billing', '5-0')).toBe('GONE');
    expect(refused).toEqual(['unproved']);
  });

  it('can, unsigned, delay what a consumer acknowledges whose instances are being replaced', async () => {
    await unsigned('5-0', { instance: 'old' });
    await until(has('5-0'));
    await settle('8-0');
    expect(positions.reach('billing', '8-0')).toBe('PENDING');
    expect(positions.reach('billing', '5-0')).toBe('ACKNOWLEDGED');
    await unsigned('8-0', { instance: 'old' });
    await until(() => positions.reach('billing', '8-0') === 'ACKNOWLEDGED');
    await ack('8-0', { leaving: true });
    await until(() => positions.reach('billing', '8-0') === 'GONE');
    expect(positions.instancesOf('billing').some(({ live }) => live)).toBe(true);
  });

  it('is not taken twice: a repeated text ends neither a departure nor a lease', async () => {
    await settle('5-0');
    const [[, [, text, , proof]]] = (await redis.xrevrange('{spec}:acks:billing', '+', '-', 'COUNT', 1)) as [
      [string, [string, string, string, string]],
    ];
    await ack('5-0', { leaving: true });
    await until(() => positions.reach('billing', '5-0') === 'GONE');
    await redis.xadd('{spec}:acks:billing', '*', 'ack', text, 'proof', proof);
    await untilSeen(() => refused.includes('replayed'));
    expect(positions.reach('billing', '5-0')).toBe('GONE');
  });

  it('counts no longer than its lease for a process that has just started', async () => {
    await positions.close();
    await ack('5-0', { sent_ms: (await nowMs()) - 9000 });
    await open();
    expect(positions.reach('billing', '5-0')).toBe('ACKNOWLEDGED');
    await until(() => positions.reach('billing', '5-0') === 'GONE');
  });

  it('does not count if it claims to be from the future', async () => {
    await ack('9-0', { instance: 'i2', sent_ms: (await nowMs()) + 120_000 });
    await settle('5-0');
    expect(positions.instancesOf('billing').map(({ instance }) => instance)).toEqual(['i1']);
  });
});

describe('an instance that begins to sign', () => {
  it('is not held to the number of what somebody wrote unsigned in its name', async () => {
    await unsigned('9-0', { number: Number.MAX_SAFE_INTEGER });
    await until(has('9-0'));
    await ack('5-0');
    await until(has('5-0'));
    expect(positions.reach('billing', '9-0')).toBe('PENDING');
  });
});

describe('a process that believes no entry yet', () => {
  it('counts nothing as refused, and takes later what consumers reported meanwhile', async () => {
    await positions.close();
    isBelieved = false;
    await unsigned('5-0', { consumer: 'crm' });
    await ack('5-0');
    await open();
    expect(positions.reach('billing', '5-0')).toBe('GONE');
    isBelieved = true;
    await until(() => ['billing', 'crm'].every((name) => positions.reach(name, '5-0') === 'ACKNOWLEDGED'));
    expect(refused).toEqual([]);
  });
});

describe('a consumer whose acknowledgements were not read yet', () => {
  const entry = believedEntry(['org_1']);
  const reachOf = (name: string) => positions.reach(name, '5-0', undefined, entry);

  it('is not gone: it is not known whether it is', async () => {
    await ack('5-0', { consumer: 'billing' });
    expect(reachOf('sso')).toBe('UNAPPLIED');
    registered = [...registered, { name: 'sso', ackKey: 'key of sso', proves: true }];
    await until(() => reachOf('sso') === 'GONE');
    expect(reachOf('billing')).toBe('ACKNOWLEDGED');
  });

  it('is not gone while its stream is none, and is again when that is repaired', async () => {
    expect(reachOf('crm')).toBe('GONE');
    await redis.set('{spec}:acks:crm', 'x');
    await until(() => reachOf('crm') === 'UNAPPLIED');
    await redis.del('{spec}:acks:crm');
    await until(() => reachOf('crm') === 'GONE');
  });
});

describe('streams that cannot be read', () => {
  it('leave unknown how far consumers are: none counts as gone', async () => {
    await ack('5-0', { lease_ms: 1000 });
    await until(has('5-0'));
    expect(positions.unreadableForMs()).toBeUndefined();
    blocking.xread = (async () => {
      throw new Error('NOPERM');
    }) as unknown as typeof blocking.xread;
    await untilSeen(() => positions.unreadableForMs() !== undefined);
    expect(positions.reach('billing', '5-0')).toBe('UNAPPLIED');
    expect(positions.reach('crm', '5-0')).toBe('UNAPPLIED');
    expect(errors.length).toBeGreaterThan(0);
    blocking.xread = redis.xread.bind(blocking);
    // Callers that wait learn of it, though no consumer says anything new.
    await until(() => positions.unreadableForMs() === undefined);
    await positions.close();
    // Also for a process that starts: its callers do not wait.
    const refusing = redis.duplicate();
    refusing.time = (async () => {
      throw new Error('NOPERM');
    }) as unknown as typeof refusing.time;
    await open(refusing);
    expect(positions.reach('billing', '5-0')).toBe('UNAPPLIED');
  });
});

describe('a consumer with another grant', () => {
  it('does not look forged while it reports with the grant of before', async () => {
    registered = [{ name: 'billing', ackKey: 'new key', grantKid: 'new', proves: true }];
    await positions.close();
    await ack('5-0', { kid: 'old' });
    await ack('5-0', { kid: 'new', instance: 'i2' });
    await open();
    expect(refused.toSorted()).toEqual(['forged', 'other-grant']);
    expect(positions.reach('billing', '5-0')).toBe('GONE');
  });

  it('is believed by its new key at once', async () => {
    await ack('5-0');
    await until(has('5-0'));
    registered = [{ name: 'billing', ackKey: 'new key', proves: true }];
    await new Promise((resolve) => setTimeout(resolve, 200));
    await ack('6-0', {}, 'new key');
    await until(has('6-0'));
    expect(refused).toEqual([]);
  });

  it('is named once it has signed, until its entry says so', async () => {
    expect(positions.newlyProved()).toEqual([]);
    await ack('5-0');
    await until(has('5-0'));
    expect(positions.newlyProved()).toEqual(['billing']);
    registered = [{ name: 'billing', ackKey: 'key of billing', proves: true }];
    await untilSeen(() => positions.newlyProved().length === 0);
  });

  it('is forgotten when it is removed', async () => {
    await ack('5-0');
    await until(has('5-0'));
    registered = [];
    await until(() => positions.instancesOf('billing').length === 0);
    expect(positions.reach('billing', '5-0')).toBe('GONE');
  });
});

describe('streams that another client spoils', () => {
  it.each(['{spec}:acks', '{spec}:acks:crm'])('do not stop those of others: %s is no stream', async (key) => {
    await redis.set(key, 'x');
    await ack('5-0');
    await until(has('5-0'));
    await positions.close();
    await open();
    expect(positions.slowest('billing')?.position).toBe('5-0');
    expect(errors).toEqual([]);
  });

  it('whose last id is in the future are read, and not waited for', async () => {
    const text = await textOf('5-0', {});
    const proof = proofOf(text, 'key of billing');
    await redis.xadd('{spec}:acks:billing', '99999999999999-0', 'ack', text, 'proof', proof);
    await until(has('5-0'));
    await redis.del('{spec}:acks:billing');
    await ack('6-0');
    await until(has('6-0'));
    expect(errors).toEqual([]);
  });

  it('begun anew in the millisecond in which an id of the future was read are followed', async () => {
    await positions.close();
    const connection = redis.duplicate();
    let readAtMs = '';
    const send = connection.sendCommand.bind(connection);
    connection.sendCommand = (command, stream) => {
      const look = (reply: unknown) => {
        if (Array.isArray(reply) && reply[0] === 'READ' && reply[2] === '99999999999999-0')
          readAtMs = String(reply[1]);
      };
      command.promise.then(look, () => undefined);
      return send(command, stream);
    };
    await open(connection);
    const sign = async (id: string, position: string) => {
      const text = await textOf(position, {});
      await redis.xadd('{spec}:acks:billing', id, 'ack', text, 'proof', proofOf(text, 'key of billing'));
    };
    await sign('99999999999999-0', '5-0');
    await until(has('5-0'));
    await redis.del('{spec}:acks:billing');
    await sign(`${readAtMs}-0`, '6-0');
    await until(has('6-0'));
    expect(refused).toEqual([]);
  });

  /** As connections of a process: a reply beyond 100,000 characters is not received. */
  const openLimited = async () => {
    await positions.close();
    const connection = redis.duplicate();
    const bounded =
      <A extends unknown[], R>(read: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        const reply = await read(...args);
        if (JSON.stringify(reply ?? null).length > 100_000) throw new ReplyTooLarge('xread');
        return reply;
      };
    connection.xread = bounded(connection.xread.bind(connection)) as typeof connection.xread;
    await open(connection);
  };
  const long = (key = '{spec}:acks:billing') =>
    redis.xadd(key, '*', 'ack', 'x'.repeat(200_000), 'proof', 'x');

  it('whose last id was ahead are followed when they begin anew, as after a clock was set back', async () => {
    const text = await textOf('5-0', { lease_ms: 60_000 });
    const ahead = `${(await nowMs()) + 50_000}-0`;
    await redis.xadd('{spec}:acks:billing', ahead, 'ack', text, 'proof', proofOf(text, 'key of billing'));
    await until(has('5-0'));
    await redis.del('{spec}:acks:billing');
    await ack('6-0');
    await until(has('6-0'));
    expect(refused).toEqual([]);
  });

  it('with entries that are too long are read around these, at the start', async () => {
    await ack('5-0', { instance: 'i1' });
    for (let i = 0; i < 3; i += 1) await long();
    for (let i = 0; i < 600; i += 1) await ack('7-0', { instance: 'i2' });
    await openLimited();
    expect(
      positions
        .instancesOf('billing')
        .map(({ instance }) => instance)
        .toSorted(),
    ).toEqual(['i1', 'i2']);
    expect(errors).toEqual([]);
  });

  it('with entries that are too long are read around these, later', async () => {
    await openLimited();
    await ack('5-0');
    await until(has('5-0'));
    for (const key of ['{spec}:acks', '{spec}:acks:crm', '{spec}:acks:billing']) await long(key);
    await ack('6-0');
    await until(has('6-0'));
    expect(errors).toEqual([]);
  });

  it('hide what another consumer acknowledges neither at the start nor later', async () => {
    const { first } = { first: [{ assistant_id: 'a'.repeat(200), version: 1, why: 'w'.repeat(200) }] };
    const flood = async (key: string, count: number) => {
      const pipeline = redis.pipeline();
      for (let i = 0; i < count; i += 1) {
        const unapplied = { count: 20, first: Array.from({ length: 20 }, () => first[0]!) };
        const text = await textOf('9-0', { consumer: 'crm', instance: `f${i}`, unapplied });
        pipeline.xadd(key, '*', 'ack', text, 'proof', 'x'.repeat(86));
      }
      await pipeline.exec();
    };
    await positions.close();
    // Acknowledged last: an instance that was silent for long is gone, and writing the others takes its time.
    for (let i = 0; i < 3; i += 1) await flood('{spec}:acks:crm', 1000);
    await ack('5-0');
    await open();
    expect(positions.slowest('billing')?.position).toBe('5-0');
    await flood('{spec}:acks', 1000);
    await ack('6-0');
    await until(has('6-0'));
    expect(positions.reach('billing', '6-0')).toBe('ACKNOWLEDGED');
    await until(() => positions.instancesOf('crm').length > 0);
    expect(positions.instancesOf('crm').length).toBeLessThanOrEqual(500);
    expect(positions.reach('crm', '9-0')).toBe('UNAPPLIED');
    expect(errors).toEqual([]);
  });
});
