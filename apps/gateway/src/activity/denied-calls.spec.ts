import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CallContext } from '@rekey/rpc';
import { ActivityRecord, RekeyError } from '@rekey/schema';
import type { Caller } from '../identity/authenticate.ts';
import { AccessDenied } from '../pipeline/authorize.ts';
import { createDeniedCalls, type DeniedCalls } from './denied-calls.ts';

let appended: ActivityRecord[];
let append: (record: ActivityRecord) => Promise<void>;
let denied: DeniedCalls;
let errors: unknown[];
let recorded: [string | undefined, number | undefined][];
/** A minute of these specs. */
const EVERY_MS = 50;

const open = (options: { everyMs?: number; maxCounted?: number } = {}) => {
  denied = createDeniedCalls({
    append: (record) => append(record),
    onError: (error) => errors.push(error),
    onRecorded: ({ address, count }) => recorded.push([address, count]),
    everyMs: 60_000,
    ...options,
  });
};
beforeEach(() => {
  [appended, errors, recorded] = [[], [], []];
  append = async (record) => void appended.push(record);
  open();
});
afterEach(() => denied.close());

const callerNamed = (name: string, more: Partial<Caller> = {}): Caller => ({
  name,
  names: new Set([name]),
  expiresMs: Infinity,
  ...more,
});
const contextOf = (more: Partial<CallContext> = {}) =>
  ({
    path: '/rekey.v1.RotationService/RotateSecretKey',
    requestId: 'req-1',
    traceparent: undefined,
    authorization: 'Bearer hunter2',
    ...more,
  }) as CallContext;
const refusal = (...orgs: string[]) => new AccessDenied('NOT_PERMITTED', orgs);
const note = (name: string, error: unknown = refusal('org_1'), more: Partial<CallContext> = {}) =>
  denied.note(error, contextOf(more), callerNamed(name));
const noteNobody = (peer: string | undefined, more: Partial<CallContext> = {}) =>
  denied.note(new RekeyError('NOT_AUTHENTICATED'), contextOf({ peer, ...more }), undefined);
const until = async (is: () => boolean): Promise<void> => {
  for (let waited = 0; !is() && waited < 5000; waited += 5) await sleep(5);
  expect(is()).toBe(true);
};

describe('a denied call', () => {
  it.each([['*'], [''], ['org_1', 'org_2']])('of no single org has none: %s', (...orgs) => {
    note('uri:a', refusal(...orgs));
    expect(appended).toMatchObject([{ by: 'uri:a' }]);
    expect(appended[0]).not.toHaveProperty('org');
  });

  it('is recorded at once, with who called what, in which org, and why it was denied', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const names = new Set(['uri:a://b', 'dns:b.example.com', 'group:https://idp#staff']);
    const caller = callerNamed('uri:a://b', { names, also: 'jwt:https://idp#anna' });
    denied.note(refusal('org_1'), contextOf({ traceparent }), caller);
    expect(appended).toEqual([
      {
        type: 'access.denied',
        by: 'uri:a://b',
        also: 'dns:b.example.com jwt:https://idp#anna',
        org: 'org_1',
        target: 'method:RotationService/RotateSecretKey',
        reason: 'NOT_PERMITTED',
        request: 'req-1',
        trace: '0af7651916cd43dd8448eb211c80319c',
      },
    ]);
    expect(ActivityRecord.safeParse(appended[0]).success).toBe(true);
  });

  it('is of no org if it touches several', () => {
    note('a', refusal('org_1', 'org_2'));
    note('b', refusal());
    expect(appended.map(({ org }) => org)).toEqual([undefined, undefined]);
  });

  it('is recorded as what its caller was answered', () => {
    note('a', new AccessDenied('ROTATION_NOT_FOUND', ['org_1']));
    expect(appended).toMatchObject([{ type: 'access.denied', reason: 'ROTATION_NOT_FOUND' }]);
  });

  it('of nobody is recorded without a word of its token', () => {
    denied.note(new RekeyError('NOT_AUTHENTICATED'), contextOf(), undefined);
    expect(appended).toMatchObject([{ type: 'access.unauthenticated', by: 'anonymous' }]);
    expect(JSON.stringify(appended)).not.toContain('hunter2');
  });

  it.each(['ROTATION_NOT_FOUND', 'INVALID_ARGUMENT', 'INTERNAL'] as const)(
    'is none with %s',
    async (code) => {
      note('a', new RekeyError(code));
      note('a', new Error(code));
      await denied.close();
      expect(appended).toEqual([]);
    },
  );
});

describe('denied calls', () => {
  it('after the first of a caller and method are counted, and recorded together', async () => {
    note('a');
    for (let i = 0; i < 41; i += 1) note('a', refusal(`org_${i}`), { requestId: `req-${i}` });
    note('b');
    note('a', refusal('org_1'), { path: '/rekey.v1.SweepService/CreateSweep' });
    expect(appended.map(({ by, target, count }) => [by, target, count])).toEqual([
      ['a', 'method:RotationService/RotateSecretKey', undefined],
      ['b', 'method:RotationService/RotateSecretKey', undefined],
      ['a', 'method:SweepService/CreateSweep', undefined],
    ]);
    await denied.close();
    expect(appended.slice(3)).toEqual([
      {
        type: 'access.denied',
        by: 'a',
        target: 'method:RotationService/RotateSecretKey',
        reason: 'NOT_PERMITTED',
        count: 41,
      },
    ]);
  });

  it('keep the org if it is the same', async () => {
    for (let i = 0; i < 3; i += 1) note('a');
    await denied.close();
    expect(appended.at(-1)).toMatchObject({ org: 'org_1', count: 2 });
  });

  it('are counted minute by minute, and are first ones again after a quiet one', async () => {
    open({ everyMs: EVERY_MS });
    note('a');
    note('a');
    await until(() => appended.length === 2);
    await sleep(4 * EVERY_MS);
    expect(appended).toHaveLength(2);
    note('a');
    expect(appended).toHaveLength(3);
    expect(appended[2]).toMatchObject({ request: 'req-1' });
  });

  it('of more callers than are counted apart are counted together', async () => {
    open({ maxCounted: 10 });
    for (let i = 0; i < 1000; i += 1) note(`caller-${i}`);
    await denied.close();
    expect(appended.slice(0, 10).map(({ by }) => by)).toEqual(
      Array.from({ length: 10 }, (_, i) => `caller-${i}`),
    );
    expect(appended.slice(10)).toEqual([{ type: 'access.denied', by: 'system:access', count: 990 }]);
  });

  it('of many callers at once are not all written at once, and none is lost', async () => {
    for (let i = 0; i < 900; i += 1) note(`caller-${i}`);
    expect(appended.length).toBeLessThan(60);
    await denied.close();
    expect(new Set(appended.map(({ by }) => by)).size).toBe(900);
  });

  it('that Redis did not take are recorded later', async () => {
    append = async () => {
      throw new Error('away');
    };
    note('a');
    note('a');
    await until(() => errors.length > 0);
    append = async (record) => void appended.push(record);
    await denied.close();
    expect(appended).toMatchObject([{ by: 'a', count: 2 }]);
  });

  it('do not wait for Redis', () => {
    append = () => new Promise(() => {});
    const beganMs = performance.now();
    for (let i = 0; i < 10_000; i += 1) note(`caller-${i % 100}`);
    expect(performance.now() - beganMs).toBeLessThan(2000);
  });
});

describe('a call that names nobody', () => {
  it.each([
    ['192.0.2.7:50000', '192.0.2.7'],
    ['::ffff:192.0.2.7:50000', '192.0.2.7'],
    ['::FFFF:192.0.2.7:50000', '192.0.2.7'],
    ['2001:DB8::1:2:50000', '2001:db8::1:2'],
    ['fe80::1%eth0:50000', 'fe80::1'],
    ['::1:50000', '::1'],
    ['unknown', undefined],
    [undefined, undefined],
    ['\u001b[2J:1', undefined],
    [`${'1'.repeat(100_000)}:1`, undefined],
    ['999.1.1.1:1', undefined],
    ['/run/rekey.sock', undefined],
  ])('is recorded with the address of its connection: %s', (peer, address) => {
    noteNobody(peer);
    expect(appended.map((record) => record.address)).toEqual([address]);
    expect(ActivityRecord.safeParse(appended[0]).success).toBe(true);
  });

  it('is counted apart from those of other addresses; a network of IPv6 is one', async () => {
    for (let i = 0; i < 3; i += 1) noteNobody('192.0.2.7:1');
    noteNobody('192.0.2.8:1');
    for (let i = 1; i < 4; i += 1) noteNobody(`2001:db8:1:2::${i}:1`);
    noteNobody('2001:db8:1:3::1:1');
    expect(appended.map(({ address }) => address)).toEqual([
      '192.0.2.7',
      '192.0.2.8',
      '2001:db8:1:2::1',
      '2001:db8:1:3::1',
    ]);
    await denied.close();
    expect(recorded.slice(4)).toEqual([
      ['192.0.2.7', 2],
      ['2001:db8:1:2::/64', 2],
    ]);
    for (const record of appended) expect(ActivityRecord.safeParse(record).success).toBe(true);
  });

  it('hides no denial of a caller, however many addresses there are', async () => {
    open({ maxCounted: 10 });
    for (let i = 0; i < 1000; i += 1) noteNobody(`192.0.${i >> 8}.${i & 255}:1`);
    note('a');
    expect(appended.at(-1)).toMatchObject({ type: 'access.denied', by: 'a' });
    await denied.close();
    expect(appended.at(-1)).toEqual({ type: 'access.unauthenticated', by: 'system:access', count: 990 });
  });

  it('has no address if it has an identity: its name says who it is', () => {
    note('a', refusal('org_1'), { peer: '192.0.2.7:1' });
    expect(appended[0]).not.toHaveProperty('address');
  });
});
