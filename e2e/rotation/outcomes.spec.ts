import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { areTrials } from '@rekey/testing';
import { failureOf } from '../support/failure-of.ts';
import { eventually, startSystem, type System } from '../support/system.ts';

let system: System;
let next = 0;
beforeAll(async () => {
  // Each unknown outcome costs its case a landing window, and the time in which a request may leave: a sixth
  // of the takeover time.
  const timing = {
    INVENT_TIMEOUT_MS: '600',
    REKEY_LANDING_WINDOW_MS: '1500',
    REKEY_TAKEOVER_AFTER_MS: '3000',
  };
  system = await startSystem({ worker: { REKEY_RETRY_FOR_MS: '0' }, timing });
});
afterAll(() => system.stop());
afterEach(() => system.admin('DELETE', '/faults'));

/** Publishes a key of an assistant that no other case uses. */
const published = async (): Promise<string> => {
  const id = `ast_${(next += 1)}`;
  await system.rotateAndWait(id);
  return id;
};
const rotateUnder = async (assistantId: string, fault: object) => {
  await system.admin('POST', '/faults', { assistantId, ...fault });
  return system.rotateAndWait(assistantId);
};
const rotationsOf = async (assistantId: string): Promise<number> =>
  (await system.admin('GET', `/assistants/${assistantId}`)).rotations;
const causesOf = async (assistantId: string) =>
  (await system.versions()).filter(({ subject }) => subject === assistantId).map(({ data }) => data.cause);
const expectInForce = async (assistantId: string) =>
  expect((await system.openLast(assistantId)).assistant.secret_key).toBe(await system.trueKey(assistantId));

describe('a rotation that was certainly not done', () => {
  it.each([
    [400, 'UPSTREAM_REJECTED'],
    [401, 'UPSTREAM_UNAUTHENTICATED'],
    [403, 'UPSTREAM_FORBIDDEN'],
    [404, 'ASSISTANT_NOT_FOUND'],
  ])('fails at once on a %i, after one request, with advice', async (status, reason) => {
    const id = await published();
    const ended = await rotateUnder(id, { kind: 'failBefore', status });
    expect(ended).toMatchObject({
      state: 'FAILED',
      attemptCount: 1,
      error: { reason, upstreamStatus: status },
    });
    expect(ended.error!.advice).not.toBe('');
    await expectInForce(id);
  });

  it('is retried after a 429, at the time that it names', async () => {
    const id = await published();
    const start = performance.now();
    const ended = await rotateUnder(id, { kind: 'failBefore', status: 429, retryAfter: '1' });
    expect(ended).toMatchObject({ state: 'SUCCEEDED', attemptCount: 2 });
    expect(ended).not.toHaveProperty('error');
    expect(performance.now() - start).toBeGreaterThan(1000);
    await expectInForce(id);
  });

  it('fails for an org or an assistant that Invent does not know', async () => {
    expect(await system.rotateAndWait('ast_1', 'org_unknown')).toMatchObject({
      state: 'FAILED',
      error: { reason: 'ASSISTANT_NOT_FOUND' },
    });
    expect(await system.rotateAndWait('no_such_assistant')).toMatchObject({
      state: 'FAILED',
      error: { reason: 'ASSISTANT_NOT_FOUND' },
    });
    expect(await failureOf(system.client.getAssistant('no_such_assistant'))).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'ASSISTANT_NOT_KNOWN',
    });
  });
});

describe('an unknown outcome', () => {
  it.each(
    areTrials
      ? ['failAfter', 'loseResponseAfterCommit', 'hangAfterCommit', 'truncateBody', 'garble']
      : ['hangAfterCommit', 'truncateBody'],
  )('is read back; a changed key is published, and rotated again as it may be older: %s', async (kind) => {
    const id = await published();
    const ended = await rotateUnder(id, { kind });
    expect(ended).toMatchObject({ state: 'SUCCEEDED', cause: 'ROTATION', attemptCount: 2 });
    expect(await rotationsOf(id)).toBe(3);
    expect(await causesOf(id)).toEqual(['rotation', 'reconciliation', 'rotation']);
    await expectInForce(id);
  });

  it.each(
    areTrials ? ['failBefore', 'loseConnectionBefore', 'hangBefore', 'nullKey'] : ['failBefore', 'nullKey'],
  )(
    'leads to another POST only when the first can no longer land: %s',
    async (kind) => {
      const id = await published();
      const start = performance.now();
      const ended = await rotateUnder(id, { kind });
      expect(ended).toMatchObject({ state: 'SUCCEEDED', cause: 'ROTATION', attemptCount: 2 });
      expect(performance.now() - start).toBeGreaterThan(1500);
      expect(await rotationsOf(id)).toBe(2);
      await expectInForce(id);
    },
    30_000,
  );

  it('ends with the key of a POST that lands late, after a read of the previous key', async () => {
    const id = await published();
    expect(await rotateUnder(id, { kind: 'commitLate', delayMs: 1300 })).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'RECONCILIATION',
      attemptCount: 1,
    });
    expect(await rotationsOf(id)).toBe(2);
    await expectInForce(id);
  });

  it('publishes a change at once, and watches until the lost POST can no longer land', async () => {
    const id = await published();
    await system.admin('POST', '/faults', { assistantId: id, kind: 'loseResponseAfterCommit' });
    const { id: rotationId } = await system.rotate(id);
    await eventually(
      async () => (await system.versions()).filter(({ subject }) => subject === id).length,
      (count) => count === 2,
    );
    await expectInForce(id);
    expect(await system.client.getRotation(rotationId)).toMatchObject({ state: 'RECONCILING' });
    expect(await system.waitFor(rotationId)).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'ROTATION',
      attemptCount: 2,
    });
  });

  it('ends with the key in force if a foreign change is read before the lost POST lands', async () => {
    const id = await published();
    await system.admin('POST', '/faults', { assistantId: id, kind: 'commitLate', delayMs: 1300 });
    const { id: rotationId } = await system.rotate(id);
    await eventually(
      () => system.client.getRotation(rotationId),
      ({ state }) => state === 'RECONCILING',
    );
    await system.admin('POST', `/assistants/${id}/rotate`);
    expect(await system.waitFor(rotationId)).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'RECONCILIATION',
      attemptCount: 1,
    });
    expect(await rotationsOf(id)).toBe(3);
    expect((await system.versions()).filter(({ subject }) => subject === id)).toHaveLength(3);
    await expectInForce(id);
  });

  it('never publishes an older key over a newer one after a lagging read', async () => {
    const id = await published();
    await system.admin('POST', '/faults', { assistantId: id, kind: 'loseResponseAfterCommit' });
    const { id: rotationId } = await system.rotate(id);
    await eventually(
      async () => (await system.versions()).filter(({ subject }) => subject === id).length,
      (count) => count === 2,
    );
    await system.admin('POST', '/faults', { assistantId: id, on: 'get', kind: 'staleRead', times: 2 });
    expect(await system.waitFor(rotationId, 100)).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'ROTATION',
      attemptCount: 2,
    });
    const own = (await system.versions()).filter(({ subject }) => subject === id);
    const [older, found, ...later] = own.map(({ data }) => data.fingerprint);
    expect(later.at(-1)).not.toBe(found);
    expect([found, ...later]).not.toContain(older);
    expect(system.output()).toContain('"event":"stale_read"');
    await expectInForce(id);
  });

  it('never claims a hand rotation from before the request', async () => {
    const id = await published();
    await system.admin('POST', `/assistants/${id}/rotate`);
    await system.admin('POST', '/faults', { assistantId: id, kind: 'loseConnectionBefore' });
    expect(await system.rotateAndWait(id)).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'ROTATION',
      attemptCount: 2,
    });
    expect(await rotationsOf(id)).toBe(3);
    expect(await causesOf(id)).toEqual(['rotation', 'reconciliation', 'rotation']);
    await expectInForce(id);
  });

  it('publishes the key in force if none was published before, and rotates once it is safe', async () => {
    const id = `ast_${(next += 1)}`;
    const ended = await rotateUnder(id, { kind: 'loseResponseAfterCommit' });
    expect(ended).toMatchObject({ state: 'SUCCEEDED', attemptCount: 2 });
    const causes = (await system.versions())
      .filter(({ subject }) => subject === id)
      .map(({ data }) => data.cause);
    expect(causes).toEqual(['import', 'rotation']);
    await expectInForce(id);
  });

  it('is RECONCILING, with its start and next step, and cannot be cancelled', async () => {
    const id = await published();
    await system.admin('POST', '/faults', { assistantId: id, kind: 'loseResponseAfterCommit' });
    await system.admin('POST', '/faults', { assistantId: id, on: 'get', kind: 'failBefore', times: 0 });
    const { id: rotationId } = await system.rotate(id);
    const seen = await system.client.waitRotation({ id: rotationId, timeoutMs: 1000 });
    expect(seen).toMatchObject({ state: 'RECONCILING', error: { reason: 'OUTCOME_UNKNOWN' } });
    expect(seen.reconciliation!.sinceTime!.getTime()).toBeGreaterThan(0);
    expect(seen.reconciliation!.nextReadTime!.getTime()).toBeGreaterThanOrEqual(
      seen.reconciliation!.sinceTime!.getTime(),
    );
    expect(await failureOf(system.client.cancelRotation(rotationId))).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'ROTATION_NOT_CANCELLABLE',
    });
    await system.admin('DELETE', '/faults');
    expect(await system.waitFor(rotationId, 40)).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'ROTATION',
      attemptCount: 2,
    });
    await expectInForce(id);
  });

  it('allows no second POST for the assistant meanwhile, under either name of its org', async () => {
    const id = await published();
    await system.admin('POST', '/faults', { assistantId: id, kind: 'hangAfterCommit' });
    const first = await system.rotate(id);
    const second = await system.rotate(id, 'c');
    expect(second.id).not.toBe(first.id);
    expect(await system.waitFor(first.id)).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'ROTATION',
      attemptCount: 2,
    });
    expect(await system.waitFor(second.id)).toMatchObject({ state: 'SUCCEEDED', cause: 'ROTATION' });
    expect((await system.admin('GET', '/counts')).concurrentRotates).toBe(0);
    await expectInForce(id);
  });
});

describe('a response that a retry would repeat', () => {
  const asked = async (): Promise<number> => (await system.admin('GET', '/counts')).rotate;
  const needing = async (rotationId: string) =>
    (await system.client.getStatus()).attention.find(({ subject }) => subject === rotationId);
  /** Keeps the rotation open, however slow the machine is, until the faults are removed. */
  const failReads = (assistantId: string) =>
    system.admin('POST', '/faults', { assistantId, on: 'get', kind: 'failBefore', status: 503, times: 0 });

  it.each(areTrials ? [302, 307, 204, 405] : [302, 204])(
    'to the POST alone, a %i: is reported at once, and the rotation fails after one request',
    async (status) => {
      const id = await published();
      await system.admin('POST', '/faults', {
        assistantId: id,
        kind: 'failBefore',
        status,
        times: 0,
        location: 'https://login.example/path?token=hunter2',
      });
      await failReads(id);
      const before = await asked();
      const { id: rotationId } = await system.rotate(id);
      const item = await eventually(
        () => needing(rotationId),
        (found) => found !== undefined,
      );
      expect(item).toMatchObject({
        code: 'ROTATION_NEEDS_OPERATOR',
        advice: expect.stringContaining('INVENT_BASE_URL'),
      });
      await system.admin('DELETE', '/faults');
      expect(await system.waitFor(rotationId, 40)).toMatchObject({
        state: 'FAILED',
        attemptCount: 1,
        error: {
          reason: 'UPSTREAM_UNEXPECTED',
          message: expect.stringMatching(/^Invent answered with a redirect/),
        },
      });
      expect((await asked()) - before).toBe(1);
      expect(await needing(rotationId)).toBeUndefined();
      await expectInForce(id);
      expect(system.output()).not.toContain('hunter2');
    },
    60_000,
  );

  it('is reported during the landing window', async () => {
    const patient = await startSystem({ timing: { REKEY_LANDING_WINDOW_MS: '60000' } });
    try {
      await patient.admin('POST', '/faults', { assistantId: 'ast_1', kind: 'failBefore', status: 302 });
      const { id } = await patient.rotate('ast_1');
      const item = await eventually(
        async () => (await patient.client.getStatus()).attention.find(({ subject }) => subject === id),
        (found) => found !== undefined,
      );
      expect(item).toMatchObject({
        code: 'ROTATION_NEEDS_OPERATOR',
        message: expect.stringMatching(/^Invent answered with a redirect.*\(UPSTREAM_UNEXPECTED\)$/),
        advice: expect.stringContaining('INVENT_BASE_URL'),
      });
    } finally {
      await patient.stop();
    }
  });

  it('a redirect of a POST that was done: its key is published', async () => {
    const id = await published();
    expect(await rotateUnder(id, { kind: 'failAfter', status: 303, times: 0 })).toMatchObject({
      state: 'FAILED',
      attemptCount: 1,
      error: { reason: 'UPSTREAM_UNEXPECTED' },
    });
    expect(await rotationsOf(id)).toBe(2);
    await expectInForce(id);
  });

  it('redirects of everything: are reported, and no POST is repeated', async () => {
    const id = await published();
    await system.admin('POST', '/faults', {
      assistantId: id,
      on: 'any',
      kind: 'failBefore',
      status: 302,
      times: 0,
      location: 'https://login.example/',
    });
    const before = await asked();
    const { id: rotationId } = await system.rotate(id);
    await eventually(
      () => needing(rotationId),
      (found) => found?.code === 'ROTATION_NEEDS_OPERATOR',
    );
    await eventually(
      async () => system.output(),
      (output) => output.includes('HTTP 302, a redirect to https://login.example'),
    );
    await system.admin('DELETE', '/faults');
    expect(await system.waitFor(rotationId, 40)).toMatchObject({ state: 'FAILED', attemptCount: 1 });
    expect((await asked()) - before).toBe(1);
    await expectInForce(id);
  });

  it('halts a bulk rotation', async () => {
    await system.admin('POST', '/faults', { kind: 'failBefore', status: 308, times: 0 });
    const before = await asked();
    const ids = Array.from({ length: 60 }, (_, i) => `ast_${40 + i}`);
    const { id } = await system.client.createBulkRotation({ orgId: 'org_demo', assistantIds: ids });
    const halted = await eventually(
      () => system.client.getBulkRotation(id),
      ({ state }) => state === 'HALTED',
    );
    expect(halted).toMatchObject({ stop: { reason: 'UPSTREAM_UNEXPECTED' } });
    // At the first such response, at most the bound of open outcomes is in flight.
    expect((await asked()) - before).toBeLessThanOrEqual(20);
    expect((await system.client.getStatus()).attention).toContainEqual(
      expect.objectContaining({
        code: 'BULK_HALTED',
        subject: id,
        advice: expect.stringContaining('INVENT_BASE_URL'),
      }),
    );
    await system.client.cancelBulkRotation(id);
    // After one known outcome, requests leave as before.
    await system.admin('DELETE', '/faults');
    expect(await system.rotateAndWait(await published())).toMatchObject({ state: 'SUCCEEDED' });
  });

  it('is kept over the death of the worker: the next one sends no other request', async () => {
    const id = await published();
    await system.admin('POST', '/faults', { assistantId: id, kind: 'failBefore', status: 302, times: 0 });
    await failReads(id);
    const before = await asked();
    const { id: rotationId } = await system.rotate(id);
    await eventually(
      () => needing(rotationId),
      (found) => found !== undefined,
    );
    await system.worker!.child.kill();
    await system.admin('DELETE', '/faults');
    await system.startWorker({ REKEY_RETRY_FOR_MS: '0' });
    expect(await system.waitFor(rotationId, 40)).toMatchObject({
      state: 'FAILED',
      attemptCount: 1,
      error: { reason: 'UPSTREAM_UNEXPECTED' },
    });
    expect((await asked()) - before).toBe(1);
  });
});

describe('encoded responses', () => {
  it.each([
    ['gzip', { kind: 'encode' }],
    ['br', { kind: 'encode', encoding: 'br' }],
    ['gzip, br', { kind: 'encode', encoding: 'gzip, br' }],
    ['a 100', { kind: 'inform' }],
    ['103 and 100', { kind: 'inform', both: true }],
  ])('are handled as plain ones: %s', async (_what, fault) => {
    const id = await published();
    await system.admin('POST', '/faults', { on: 'any', ...fault });
    expect(await system.rotateAndWait(id)).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'ROTATION',
      attemptCount: 1,
    });
    expect(await rotationsOf(id)).toBe(2);
    await expectInForce(id);
  });

  it('that cannot be decoded are reported; the key is published once it can be read', async () => {
    const id = await published();
    await system.admin('POST', '/faults', { on: 'any', kind: 'encode', encoding: 'unknown' });
    const { id: rotationId } = await system.rotate(id);
    const seen = await eventually(
      () => system.client.getRotation(rotationId),
      ({ reconciliation }) => reconciliation?.operatorNeeded === true,
    );
    expect(seen.reconciliation).toMatchObject({
      readError: 'ANSWER_UNREADABLE',
      advice: expect.stringContaining('between the worker and Invent'),
    });
    await system.admin('DELETE', '/faults');
    const ended = await system.waitFor(rotationId, 40);
    expect(ended).toMatchObject({ attemptCount: 1 });
    expect(await rotationsOf(id)).toBe(2);
    await expectInForce(id);
  });
});

describe('a bulk rotation with responses that cannot be decoded', () => {
  const bulkOf = async (from: number, count: number) => {
    const assistantIds = Array.from({ length: count }, (_, i) => `ast_${from + i}`);
    return (
      await system.client.createBulkRotation({ orgId: 'org_demo', assistantIds, maxFailures: { count } })
    ).id;
  };
  const ended = (id: string) =>
    eventually(
      () => system.client.getBulkRotation(id),
      ({ state }) => state === 'HALTED' || state === 'COMPLETED',
      60_000,
    );

  it('continues if only one POST has such a response; that rotation is read back, and fails', async () => {
    await system.admin('POST', '/faults', { on: 'rotate', kind: 'encode', encoding: 'unknown', times: 1 });
    expect(await ended(await bulkOf(130, 6))).toMatchObject({
      state: 'COMPLETED',
      counts: { succeeded: 5, failed: 1 },
      lastFailures: [{ reason: 'ANSWER_UNREADABLE' }],
    });
    for (let i = 130; i < 136; i += 1) await expectInForce(`ast_${i}`);
  });

  it('halts if the read-back cannot be decoded either', async () => {
    await system.admin('POST', '/faults', { on: 'any', kind: 'encode', encoding: 'unknown' });
    const id = await bulkOf(140, 6);
    expect(await ended(id)).toMatchObject({ state: 'HALTED', stop: { reason: 'ANSWER_UNREADABLE' } });
    await system.client.cancelBulkRotation(id);
    await system.admin('DELETE', '/faults');
  });
});

describe('an upstream that is away', () => {
  it('fails a rotation if it is away for too long, with the key unchanged', async () => {
    const worker = await startSystem({
      worker: { INVENT_BASE_URL: 'http://127.0.0.1:1', REKEY_RETRY_FOR_MS: '0' },
    });
    try {
      const ended = await worker.rotateAndWait('ast_1');
      expect(ended).toMatchObject({ state: 'FAILED', error: { reason: 'UPSTREAM_UNREACHABLE' } });
      expect(ended.error).not.toHaveProperty('upstreamStatus');
      expect(ended.attemptCount).toBeGreaterThan(1);
      expect(await worker.versions()).toEqual([]);
    } finally {
      await worker.stop();
    }
  });
});
