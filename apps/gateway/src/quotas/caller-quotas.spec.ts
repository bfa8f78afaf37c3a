import { beforeEach, describe, expect, it } from '@jest/globals';
import { RekeyError } from '@rekey/schema';
import { LOCAL } from '../identity/authenticate.ts';
import type { JwtVerifier } from '../identity/verify-jwts.ts';
import { createCallerQuotas, type CallerQuotas } from './caller-quotas.ts';
import { limitFailures } from './limit-failures.ts';

let nowMs: number;
let refused: string[];
let quotas: CallerQuotas;
beforeEach(() => {
  nowMs = 1_000_000;
  refused = [];
  quotas = createCallerQuotas(
    {
      calls: { perSecond: 2, atOnce: 3 },
      open: { waits: 2, watches: 1, uploads: 1, reflection: 1 },
      waitsReturn: { perSecond: 10, atLeastMs: 1000, atMostMs: 30_000 },
      uploadIds: 3,
      failures: { perSecond: 1, atOnce: 2 },
      connections: 5,
    },
    (limit) => refused.push(limit),
    () => nowMs,
  );
});

/** `done`, or the error that an act throws. */
const outcome = (act: () => unknown): unknown => {
  try {
    act();
    return 'done';
  } catch (error) {
    const { code, metadata, retryAfterMs } = error as RekeyError;
    return { code, ...metadata, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  }
};

describe('the calls of a caller', () => {
  it('are refused beyond its rate, with the time after which one is not', () => {
    const call = () => outcome(() => quotas.countCall('uri:a'));
    expect([call(), call(), call(), call()]).toEqual([
      'done',
      'done',
      'done',
      { code: 'QUOTA_EXCEEDED', bound: 'caller-calls', limit: '2', retryAfterMs: 500 },
    ]);
    expect(outcome(() => quotas.countCall('uri:b'))).toBe('done');
    nowMs += 500;
    expect(call()).toBe('done');
    expect(refused).toEqual(['caller-calls']);
    expect(quotas.atLimit()).toMatchObject([{ caller: 'uri:a', limit: 'caller-calls', refused: 1 }]);
  });

  it('are counted apart from its acknowledgements: many of them make no instance stale', () => {
    const acknowledge = () => outcome(() => quotas.countCall('uri:a', 'acknowledgements'));
    for (let i = 0; i < 3; i += 1) expect(acknowledge()).toBe('done');
    const refusal = { code: 'QUOTA_EXCEEDED', bound: 'caller-acknowledgements' };
    for (let i = 0; i < 9; i += 1) expect(acknowledge()).toMatchObject(refusal);
    expect(outcome(() => quotas.countCall('uri:a'))).toBe('done');
  });
});

describe('the open calls of a caller', () => {
  it('are bounded by kind, until they end', () => {
    const release = quotas.hold('waits', '__proto__');
    quotas.hold('waits', '__proto__');
    const full = (retryAfterMs: number) => ({
      code: 'QUOTA_EXCEEDED',
      bound: 'caller-waits',
      limit: '2',
      retryAfterMs,
    });
    expect([quotas.mayHold('waits', '__proto__'), quotas.mayHold('waits', 'uri:b')]).toEqual([false, true]);
    expect(outcome(() => quotas.hold('waits', '__proto__'))).toEqual(full(1000));
    expect(outcome(() => quotas.hold('watches', '__proto__'))).toBe('done');
    expect(outcome(() => quotas.hold('waits', 'uri:b'))).toBe('done');
    release();
    release();
    expect(outcome(() => quotas.hold('waits', '__proto__'))).toBe('done');
    expect(outcome(() => quotas.hold('waits', '__proto__'))).toEqual(full(1100));
    expect(refused).toEqual(['caller-waits', 'caller-waits']);
  });
});

describe('failed authentications', () => {
  const jwts = {} as JwtVerifier;
  let verified: number;
  /** `token` is verified at a cost and fails unless it is `good`; `known` needs no verification. */
  const authenticate = limitFailures(
    async ({ authorization }, _jwts, beforeVerifying = () => {}) => {
      if (authorization === undefined) throw new RekeyError('NOT_AUTHENTICATED');
      if (authorization === 'known') return LOCAL;
      beforeVerifying();
      verified += 1;
      if (authorization === 'away') throw new Error('Connection is closed.');
      if (authorization !== 'good') throw new RekeyError('NOT_AUTHENTICATED');
      return LOCAL;
    },
    {
      countFailure: (peer) => quotas.countFailure(peer),
      uncountFailure: (peer) => quotas.uncountFailure(peer),
      connections: { know: (peer) => quotas.connections.know(peer) },
    },
  );
  const come = (authorization: string | undefined, peer = '192.0.2.7:1000') =>
    authenticate({ authorization, peerCertificate: undefined, peer }, jwts).then(
      () => 'known',
      ({ code, message }: RekeyError) => code ?? message,
    );
  beforeEach(() => void (verified = 0));

  it('of one address are refused before they are verified, and those of others are not', async () => {
    expect(await come('bad')).toBe('NOT_AUTHENTICATED');
    expect(await come(undefined, '192.0.2.7:2000')).toBe('NOT_AUTHENTICATED');
    expect(await come('bad')).toBe('TOO_MANY_FAILED_AUTHENTICATIONS');
    expect(await come(undefined)).toBe('TOO_MANY_FAILED_AUTHENTICATIONS');
    expect(await come('good')).toBe('TOO_MANY_FAILED_AUTHENTICATIONS');
    expect(verified).toBe(1);
    expect(await come('known')).toBe('known');
    expect(await come('bad', '192.0.2.8:1000')).toBe('NOT_AUTHENTICATED');
    nowMs += 1000;
    expect(await come('good')).toBe('known');
    expect(quotas.atLimit()).toMatchObject([
      { caller: '192.0.2.7', limit: 'failed-authentications', refused: 3 },
    ]);
  });

  it('are not what succeeds, or could not be decided', async () => {
    for (let i = 0; i < 10; i += 1) expect(await come('good')).toBe('known');
    for (let i = 0; i < 10; i += 1) expect(await come('away')).toBe('Connection is closed.');
    expect(await come('bad')).toBe('NOT_AUTHENTICATED');
    expect(refused).toEqual([]);
  });

  it('that come together are bounded, too', async () => {
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => come('bad')));
    expect(outcomes.filter((one) => one === 'NOT_AUTHENTICATED')).toHaveLength(2);
    expect(verified).toBe(2);
  });

  it('of a network of IPv6 count together', async () => {
    expect(await come('bad', '2001:db8:1:2::1:1000')).toBe('NOT_AUTHENTICATED');
    expect(await come('bad', '2001:db8:1:2::2:1000')).toBe('NOT_AUTHENTICATED');
    expect(await come('bad', '2001:db8:1:2:ffff::3:1000')).toBe('TOO_MANY_FAILED_AUTHENTICATIONS');
    expect(await come('bad', '2001:db8:1:3::1:1000')).toBe('NOT_AUTHENTICATED');
  });
});
