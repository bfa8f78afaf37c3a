import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createAcknowledgementSigner, type SharedKeys } from '@rekey/sealing';
import { areTrials, inCheck, type App } from '@rekey/testing';
import { eventually, startSystem, type System } from '../support/system.ts';
import { addConsumer, sharedKeysOf } from './python-consumer.ts';

let system: System;
/** By consumer, what it signs with. */
const keys: Record<string, SharedKeys> = {};
beforeAll(async () => {
  system = await startSystem({ simulator: ['--assistants', '10'], worker: { REKEY_SWEEP_EVERY_MS: '1000' } });
  for (const name of ['billing', 'crm', 'older']) {
    const added = await addConsumer(system, name);
    await eventually(
      () => system.client.getConsumer(name),
      ({ state }) => state === 'ACTIVE',
    );
    keys[name] = await sharedKeysOf(system, added);
  }
});
afterAll(() => system.stop());

let number = 0;
interface Report {
  position?: string;
  instance?: string;
  more?: object;
}
const textOf = async (consumer: string, { position, instance = 'i1', more = {} }: Report = {}) => {
  const [last] = await system.redis.xrevrange('{rekey}:events', '+', '-', 'COUNT', 1);
  return JSON.stringify({
    consumer,
    instance,
    lease_ms: 60_000,
    position: position ?? last![0],
    seq: 1,
    keys: 1,
    unapplied: { count: 0, first: [] },
    number: (number += 1),
    sent_ms: Number((await system.redis.time())[0]) * 1000,
    leaving: false,
    ...more,
  });
};
const add = (key: string, text: string, signer?: string) => {
  const proof = signer === undefined ? [] : ['proof', createAcknowledgementSigner(keys[signer]!)(text)];
  return system.redis.xadd(key, 'MAXLEN', '~', 5000, '*', 'ack', text, ...proof);
};
const streamOf = (consumer: string) => `{rekey}:acks:${consumer}`;
/** As the SDK does, and as one of before does. */
const acknowledge = async (consumer: string, report?: Report) =>
  add(streamOf(consumer), await textOf(consumer, report), consumer);
const acknowledgeUnsigned = async (consumer: string, report?: Report) =>
  add('{rekey}:acks', await textOf(consumer, report));
const statesOf = async (id: string) =>
  Object.fromEntries(
    (await system.client.getRotation(id)).consumers!.map(({ name, state }) => [name, state] as const),
  );
const untilState = (id: string, consumer: string, state: string) =>
  eventually(
    () => statesOf(id),
    (states) => states[consumer] === state,
  );

describe('lists, histories and timelines', () => {
  it('say who holds which version, and when each step happened', async () => {
    const { id, version } = await system.rotateAndWait('ast_9');
    await acknowledge('crm', { position: '1-0' });
    await untilState(id, 'crm', 'PENDING');
    await acknowledge('billing');
    await untilState(id, 'billing', 'ACKNOWLEDGED');
    const { client } = system;
    const { assistants } = await eventually(
      () => client.listAssistants({ idPrefix: 'ast_9', order: 'LAST_CHANGE' }),
      ({ incomplete }) => !incomplete,
    );
    expect(assistants).toMatchObject([
      { assistantId: 'ast_9', orgId: 'org_demo', version, uncertain: false },
    ]);
    const lacking = async (notAcknowledgedBy: string) =>
      (await client.listAssistants({ notAcknowledgedBy })).assistants.map(({ assistantId }) => assistantId);
    expect(await lacking('billing')).not.toContain('ast_9');
    expect(await lacking('crm')).toContain('ast_9');
    const { keyTime, holders } = await client.getAssistant('ast_9');
    const { rotation, steps } = await client.getRotationTimeline(id);
    const timeOf = (kind: string, consumer?: string) =>
      steps.find((step) => step.kind === kind && step.consumer === consumer)?.time?.getTime() ?? NaN;
    expect(steps.map(({ kind }) => kind)).toEqual([
      'ACCEPTED',
      'CLAIMED',
      'SENT',
      'PUBLISHED',
      'ENDED',
      'ACKNOWLEDGED',
      'ACKNOWLEDGED',
      'ACKNOWLEDGED',
    ]);
    expect(keyTime!.getTime()).toBe(timeOf('SENT'));
    expect(rotation).toMatchObject({ id, version, createTime: new Date(timeOf('ACCEPTED')) });
    expect(timeOf('ACKNOWLEDGED', 'billing')).toBeGreaterThanOrEqual(timeOf('PUBLISHED'));
    expect(timeOf('ACKNOWLEDGED', 'crm')).toBeNaN();
    expect(holders).toContainEqual({ name: 'billing', state: 'ACKNOWLEDGED', version });
    expect(holders).toContainEqual({ name: 'crm', state: 'PENDING' });
    const [newest, ...older] = await client.listKeyVersions('ast_9');
    expect(newest).toMatchObject({ version, cause: 'ROTATION', rotationId: id, requestedBy: 'local' });
    expect(older.map(({ requestedBy }) => requestedBy)).toEqual(older.map(() => 'system'));
    expect(older.at(-1)).toMatchObject({ cause: 'IMPORT' });
    const [org] = (await client.listOrgs()).orgs;
    expect(org).toMatchObject({ orgId: 'org_demo', uncertainCount: 0 });
    expect(org!.assistantCount).toBeGreaterThan(0);
  });
});

describe('an acknowledgement', () => {
  it('counts for its consumer only if the consumer has signed it', async () => {
    const { id, version } = await system.rotateAndWait('ast_1');
    expect(version).toBeGreaterThan(0);
    await acknowledge('billing', { position: '1-0' });
    await untilState(id, 'billing', 'PENDING');
    // What billing can write with the rights of its Redis user, and what a writer in Redis can.
    const forBilling = await textOf('billing');
    const forCrm = await textOf('crm');
    await add(streamOf('billing'), forCrm, 'billing');
    await add(streamOf('crm'), forCrm, 'billing');
    await add(streamOf('crm'), forCrm);
    await add(streamOf('billing'), forBilling, 'crm');
    await add(streamOf('billing'), forBilling);
    await add('{rekey}:acks', forBilling);
    await add('{rekey}:acks', await textOf('nobody'));
    await acknowledge('crm', { position: '1-0' });
    await untilState(id, 'crm', 'PENDING');
    // Until its stream has been read once, nothing is known of a consumer.
    await untilState(id, 'older', 'GONE');
    expect(await statesOf(id)).toEqual({ billing: 'PENDING', crm: 'PENDING', older: 'GONE' });
    await acknowledge('billing');
    await untilState(id, 'billing', 'ACKNOWLEDGED');
    expect(await statesOf(id)).toEqual({ billing: 'ACKNOWLEDGED', crm: 'PENDING', older: 'GONE' });
    await system.worker!.untilOutput(/acknowledgements_refused/);
  });

  it('counts unsigned for a consumer of before, until it signs one: then for no gateway', async () => {
    await acknowledgeUnsigned('older');
    const { id } = await system.rotateAndWait('ast_2');
    await acknowledgeUnsigned('older');
    await untilState(id, 'older', 'ACKNOWLEDGED');
    await acknowledge('older', { position: '1-0' });
    await untilState(id, 'older', 'PENDING');
    await eventually(
      () => system.redis.hget('{rekey}:consumers', 'older'),
      (text) => text!.includes('"proves":true'),
    );
    await acknowledge('older', { more: { leaving: true } });
    await acknowledgeUnsigned('older', { more: { leaving: true } });
    await untilState(id, 'older', 'GONE');
    await acknowledgeUnsigned('older', { instance: 'i2' });
    const { ready } = await system.startGateway();
    await acknowledge('billing');
    expect(ready['address']).toMatch(/:\d+$/);
    await untilState(id, 'billing', 'ACKNOWLEDGED');
    expect(await statesOf(id)).toMatchObject({ older: 'GONE' });
  });

  it('keeps its position while worse ones are repeated', async () => {
    const { id } = await system.rotateAndWait('ast_3');
    const old = await textOf('billing', { position: '1-0' });
    await add(streamOf('billing'), old, 'billing');
    await untilState(id, 'billing', 'PENDING');
    await acknowledge('billing');
    await untilState(id, 'billing', 'ACKNOWLEDGED');
    for (let i = 0; i < 20; i += 1) await add(streamOf('billing'), old, 'billing');
    await acknowledge('crm');
    await untilState(id, 'crm', 'ACKNOWLEDGED');
    expect(await statesOf(id)).toMatchObject({ billing: 'ACKNOWLEDGED' });
  });
});

/** More than a process may grow by, if it holds them all. */
const COUNT = areTrials ? 60_000 : 25_000;

describe(`${COUNT} acknowledgements of 10 kB`, () => {
  const residentMb = ({ child: { pid } }: App): number =>
    Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
  const first = Array.from({ length: 20 }, () => ({
    assistant_id: 'a'.repeat(250),
    version: 1,
    why: 'w'.repeat(200),
  }));
  const longText = (instance: string, more: object = {}) =>
    textOf('billing', { position: '1-0', instance, more: { unapplied: { count: 20, first }, ...more } });
  /** Redis itself writes them: this process stays free to ask. Each `#` in the text becomes a number. */
  const FLOOD = `
    for i = 1, 500 do redis.call('XADD', KEYS[1], '*', 'ack', (string.gsub(ARGV[1], '#', ARGV[3] + i)),
      'proof', ARGV[2]) end`;
  const flood = async (key: string, text: string) => {
    for (let begun = 0; begun < COUNT; begun += 500)
      await system.redis.eval(FLOOD, 1, key, text, 'A'.repeat(86), begun);
  };
  /** A consumer that misbehaves: the same 1000 signed texts, of as many instances, again and again. */
  const floodSigned = async (key: string) => {
    const sign = createAcknowledgementSigner(keys['billing']!);
    for (let i = 0; i < 1000; i += 1) {
      const text = await longText(`signed-${i}`);
      await system.redis.rpush('{rekey}:signed', text, sign(text));
    }
    for (let begun = 0; begun < COUNT; begun += 500) {
      const start = (2 * begun) % 2000;
      await system.redis.eval(
        `local texts = redis.call('LRANGE', KEYS[2], ARGV[1], ARGV[1] + 999)
        for i = 1, 1000, 2 do redis.call('XADD', KEYS[1], '*', 'ack', texts[i], 'proof', texts[i + 1]) end`,
        2,
        key,
        '{rekey}:signed',
        start,
      );
    }
  };

  const floods: [name: string, write: () => Promise<void>][] = [
    ['signed, of 1000 instances', () => floodSigned(streamOf('billing'))],
    [
      'forged',
      async () =>
        flood(streamOf('billing'), (await longText('forged')).replace(/"number":\d+/, '"number":9#')),
    ],
  ];
  it.each(inCheck(['signed, of 1000 instances'], floods))(
    'end no process, and delay nobody else: %s',
    async (_what, write) => {
      const { id } = await system.rotateAndWait('ast_4');
      const before = [system.gateway, system.worker!].map(residentMb);
      const flooding = { ended: false };
      const written = write().finally(() => (flooding.ended = true));
      let slowestMs = 0;
      while (!flooding.ended) {
        const { id: next } = await system.rotateAndWait('ast_5');
        const began = performance.now();
        const waiting = system.client.waitRotation({ id: next, until: 'ACKNOWLEDGED', consumers: ['crm'] });
        await acknowledge('crm');
        expect((await waiting).consumers).toContainEqual({ name: 'crm', state: 'ACKNOWLEDGED' });
        slowestMs = Math.max(slowestMs, performance.now() - began);
      }
      await written;
      expect(slowestMs).toBeLessThan(5000);
      expect(await statesOf(id)).toMatchObject({ crm: 'ACKNOWLEDGED' });
      for (const [i, app] of [system.gateway, system.worker!].entries())
        expect(residentMb(app)).toBeLessThan(before[i]! + 200);
    },
    120_000,
  );
});
