import { describe, expect, it } from '@jest/globals';
import { parseEnvironment } from '@rekey/runtime';
import { variableChecks } from '@rekey/testing';
import { WorkerEnvironment, maxUnknownsInAll, workerConcurrency, workerTiming } from './config.ts';

const complete = { REKEY_KEY_FILE: '/key.json', INVENT_API_KEY: 'key' };
const complaint = (env: Record<string, string>): string => {
  try {
    parseEnvironment(WorkerEnvironment, { ...complete, ...env });
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('WorkerEnvironment', () => {
  it('needs a key file and an API key, and nothing else', () => {
    expect(parseEnvironment(WorkerEnvironment, complete)).toMatchObject({
      INVENT_BASE_URL: 'https://api.useinvent.com',
      INVENT_TIMEOUT_MS: 30_000,
      REKEY_LANDING_WINDOW_MS: 90_000,
    });
    expect(complaint({ REKEY_KEY_FILE: '' })).toContain('REKEY_KEY_FILE: is required');
    expect(complaint({ INVENT_API_KEY: '' })).toContain(
      'INVENT_API_KEY: is required, or INVENT_API_KEYS_FILE',
    );
  });

  it.each([
    [
      { INVENT_API_KEYS_FILE: '/keys.json' },
      'INVENT_API_KEY: cannot be given together with INVENT_API_KEYS_FILE',
    ],
    [{ INVENT_API_KEY_FILE: '/key' }, 'INVENT_API_KEY: cannot be given together with INVENT_API_KEY_FILE'],
    [
      { INVENT_API_KEY: '', INVENT_API_KEY_FILE: '/key', INVENT_API_KEYS_FILE: '/keys.json' },
      'INVENT_API_KEY_FILE: cannot be given together with INVENT_API_KEYS_FILE',
    ],
    [{ INVENT_API_KEY: 'with space' }, 'INVENT_API_KEY: must be visible ASCII without spaces'],
    [{ INVENT_BASE_URL: 'http://10.0.0.1' }, 'INVENT_BASE_URL: must be https, except on loopback'],
    [{ INVENT_ORG_ID: 'c' }, 'INVENT_ORG_ID: must be the real id of the org, not its alias c'],
    [{ INVENT_ORG_ID: 'a/b' }, 'INVENT_ORG_ID: must not contain any of'],
    [{ INVENT_ORG_ID: 'org\n1' }, 'INVENT_ORG_ID: must not contain control characters'],
    [{ INVENT_BASE_URL: 'nonsense' }, 'INVENT_BASE_URL: must be a URL'],
    [
      { REKEY_SHUTDOWN_TIMEOUT_MS: '30000' },
      'REKEY_SHUTDOWN_TIMEOUT_MS: must be longer than INVENT_TIMEOUT_MS',
    ],
    [{ INVENT_TIMEOUT_MS: '90001' }, 'REKEY_LANDING_WINDOW_MS: must not be shorter than INVENT_TIMEOUT_MS'],
  ])('refuses %j', (env, message) => {
    expect(complaint(env)).toContain(message);
  });

  it('accepts a file with the API key', () => {
    expect(complaint({ INVENT_API_KEY: '', INVENT_API_KEY_FILE: '/key' })).toBe('');
  });

  it('accepts the real id of an org, and takes an empty one for none', () => {
    expect(parseEnvironment(WorkerEnvironment, { ...complete, INVENT_ORG_ID: 'org_1' }).INVENT_ORG_ID).toBe(
      'org_1',
    );
    expect(
      parseEnvironment(WorkerEnvironment, { ...complete, INVENT_ORG_ID: '' }).INVENT_ORG_ID,
    ).toBeUndefined();
  });

  it('accepts lists of hundreds of hosts', () => {
    const hosts = Array.from({ length: 600 }, (_, i) => `host-${i}.internal.example.com`).join(',');
    for (const name of ['NO_PROXY', 'no_proxy', 'INVENT_PLAIN_HTTP_HOSTS'])
      expect([name, complaint({ [name]: hosts })]).toEqual([name, '']);
    expect(complaint({ REKEY_PREFIX: hosts })).toContain(
      'REKEY_PREFIX: must be at most 4096 characters long',
    );
    expect(complaint({ NO_PROXY: 'h'.repeat(65_537) })).toContain(
      'NO_PROXY: must be at most 65536 characters long',
    );
  });

  it('allows plain HTTP for the listed hosts', () => {
    expect(
      complaint({ INVENT_BASE_URL: 'http://simulator:4010', INVENT_PLAIN_HTTP_HOSTS: 'other, simulator' }),
    ).toBe('');
  });
});

describe('workerTiming', () => {
  const variables = {
    INVENT_TIMEOUT_MS: 10_000,
    REKEY_LANDING_WINDOW_MS: 90_000,
    REKEY_READ_LAG_MS: 5000,
    REKEY_TAKEOVER_AFTER_MS: 30_000,
    REKEY_CONFIRM_AFTER_MS: 20_000,
    REKEY_RETRY_FOR_MS: 3_600_000,
  };
  const timing = workerTiming(variables);

  it('takes a sixth of the takeover time for sending, and a third as the lease margin', () => {
    expect(timing.rotation).toEqual({
      requestTimeoutMs: 10_000,
      sendWithinMs: 5000,
      leaseMarginMs: 10_000,
      landingWindowMs: 90_000,
      confirmAfterMs: 20_000,
      readLagMs: 5000,
      retryForMs: 3_600_000,
    });
  });

  it('leases a claim for sending, the answer and the margin', () => {
    expect(timing.claimLeaseMs).toBe(25_000);
    expect(timing.claimLeaseMs).toBeLessThan(timing.checkTakeoverAfterMs);
  });

  it('ends the landing window of a claim after sending, landing and the read lag', () => {
    expect(timing.landsWithinMs).toBe(100_000);
  });

  it('takes over jobs, checks and sweeps after what they may take', () => {
    expect(timing).toMatchObject({
      takeoverAfterMs: 30_000,
      checkTakeoverAfterMs: 40_000,
      sweepTakeoverAfterMs: 70_000,
    });
  });

  it('delays no job longer than a landing window and two minutes', () => {
    expect(timing.longestDelayMs).toBe(220_000);
  });

  it('lets the clock of Redis jump much less than a landing window, and settle for longer', () => {
    const clockOf = (landingWindowMs: number) =>
      workerTiming({ ...variables, REKEY_LANDING_WINDOW_MS: landingWindowMs }).clock;
    expect(timing.clock).toEqual({ toleranceMs: 10_000, settleMs: 180_000 });
    expect(clockOf(20_000)).toEqual({ toleranceMs: 5000, settleMs: 180_000 });
    expect(clockOf(3_600_000).settleMs).toBeGreaterThan(3_645_000);
  });
});

describe('maxUnknownsInAll', () => {
  it.each([
    [20, 1000, 1000],
    [20, 10, 40],
    [1000, 1000, 2000],
    [10_000, 1000, 20_000],
  ])('is not reached by one org alone: %d of one org, %d of all', (ofOrg, inAll, expected) => {
    expect(maxUnknownsInAll({ REKEY_MAX_UNKNOWNS: ofOrg, REKEY_MAX_UNKNOWNS_IN_ALL: inAll })).toBe(expected);
  });
});

describe('workerConcurrency', () => {
  it('adds a quarter for follow-ups, and has a connection for each request in flight', () => {
    expect(workerConcurrency({ WORKER_CONCURRENCY: 64 })).toEqual({
      first: 64,
      followUps: 16,
      connections: 144,
    });
    expect(workerConcurrency({ WORKER_CONCURRENCY: 1 })).toEqual({ first: 1, followUps: 1, connections: 3 });
  });
});

describe('any variable', () => {
  const names = Object.keys(WorkerEnvironment.shape);
  const checks = variableChecks((env) => parseEnvironment(WorkerEnvironment, env), complete);

  it.each(names)('%s of white space only counts as unset', (name) =>
    expect(() => checks.blank(name)).not.toThrow(),
  );
  it.each(names)('%s may have surrounding white space', (name) =>
    expect(() => checks.spaced(name)).not.toThrow(),
  );
  it.each(names)(
    '%s is refused by name and never shown if it is huge, not UTF-8 or has control characters',
    (name) => expect(() => checks.unusable(name)).not.toThrow(),
  );
  it.each(names)('%s is accepted or refused by name, whatever it holds', (name) =>
    expect(() => checks.strange(name)).not.toThrow(),
  );
});
