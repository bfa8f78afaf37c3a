import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startSystem, type System } from '../support/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem({ simulator: ['--assistants', '6'] });
  for (let i = 1; i <= 6; i += 1) await system.rotateAndWait(`ast_${i}`);
});
afterAll(() => system.stop());

const sweep = async () => {
  const { id } = await system.client.createSweep();
  return eventually(
    () => system.client.getSweep(id),
    ({ state }) => state === 'SUCCEEDED' || state === 'FAILED',
  );
};
const CURRENT = '{rekey}:current:';

describe('an unreadable published record', () => {
  it.each([
    ['is not JSON', 'ast_1', () => system.redis.set(`${CURRENT}ast_1`, 'nonsense')],
    ['is gone', 'ast_2', () => system.redis.del(`${CURRENT}ast_2`)],
    [
      'has another type',
      'ast_3',
      () => system.redis.multi().del(`${CURRENT}ast_3`).lpush(`${CURRENT}ast_3`, 'x').exec(),
    ],
    [
      'is sealed with another key',
      'ast_4',
      async () => {
        const event = JSON.parse((await system.redis.get(`${CURRENT}ast_4`))!);
        event.data.sealed.recipients[0].header.kid = 'other';
        await system.redis.set(`${CURRENT}ast_4`, JSON.stringify(event));
      },
    ],
    [
      "is another assistant's",
      'ast_5',
      async () => system.redis.set(`${CURRENT}ast_5`, (await system.redis.get(`${CURRENT}ast_6`))!),
    ],
  ])('is found by a sweep, reported and republished: a record that %s', async (_what, assistantId, spoil) => {
    const before = await system.versions();
    await spoil();
    expect(await sweep()).toMatchObject({
      state: 'SUCCEEDED',
      counts: { compared: 6, agreed: 5, adopted: 1, unresolved: 0 },
    });
    const published = (await system.versions()).slice(before.length);
    expect(published.map(({ subject, data }) => [subject, data.cause])).toEqual([
      [assistantId, 'reconciliation'],
    ]);
    expect(JSON.parse((await system.redis.get(`${CURRENT}${assistantId}`))!)).toEqual(published[0]);
    expect((await system.openLast(assistantId)).assistant.secret_key).toBe(await system.trueKey(assistantId));
    expect(system.output()).toContain('its current record cannot be opened');
    expect(await system.redis.hlen('{rekey}:quarantine')).toBe(0);
    expect(await sweep()).toMatchObject({ counts: { agreed: 6 } });
  });
});

describe('the metrics of a worker', () => {
  it('count unknown outcomes, and how they ended', async () => {
    const worker = await system.startWorker({ WORKER_HEALTH_ADDRESS: '127.0.0.1:0' });
    const metrics = async () => (await fetch(`http://${worker.ready['address']}/metrics`)).text();
    await system.admin('POST', '/faults', { assistantId: 'ast_1', kind: 'failAfter', status: 500 });
    await system.admin('POST', '/faults', { on: 'get', kind: 'failBefore', status: 401, times: 0 });
    const { id } = await system.rotate('ast_1');
    const during = await eventually(metrics, (text) => text.includes('rekey_uncertain_assistants 1\n'));
    expect(during).toContain('rekey_open_intents{org="org_demo"} 1\n');
    expect(during).not.toContain('sk_');
    const rotation = await eventually(
      () => system.client.getRotation(id),
      ({ reconciliation }) => reconciliation?.operatorNeeded === true,
    );
    expect(rotation).toMatchObject({
      state: 'RECONCILING',
      reconciliation: { readError: 'UPSTREAM_UNAUTHENTICATED', advice: expect.stringContaining('API key') },
    });
    await system.admin('DELETE', '/faults');
    expect(await system.waitFor(id, 40)).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'ROTATION',
      attemptCount: 2,
    });
    expect(await metrics()).toContain('rekey_uncertain_assistants 0\n');
  });
});
