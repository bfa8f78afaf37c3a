import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRekeyClient, type RekeyClient } from '@rekey/client';
import { MAX_RECORD_BYTES } from '@rekey/schema';
import { openRecord } from '@rekey/sealing';
import { startRekey } from '../support/rekey.ts';
import { eventually, startSystem, type System } from '../support/system.ts';

let system: System;
let client: RekeyClient;
beforeAll(async () => {
  const timing = {
    INVENT_TIMEOUT_MS: '5000',
    REKEY_LANDING_WINDOW_MS: '5000',
    REKEY_TAKEOVER_AFTER_MS: '3000',
  };
  system = await startSystem({ timing, worker: { REKEY_SWEEP_EVERY_MS: '0' } });
  client = createRekeyClient({ address: system.gateway.ready['address']! });
});
afterAll(async () => {
  client.close();
  await system.stop();
});

const instruct = (assistantId: string, instructions: string) =>
  system.admin('PATCH', `/assistants/${assistantId}`, { config: { instructions } });
const ofBytes = (bytes: number) => 'n'.repeat(bytes);
const expectInForce = async (assistantId: string) =>
  expect((await system.openLast(assistantId)).assistant.secret_key).toBe(await system.trueKey(assistantId));
/** Reads the whole stream once, whose records are long. */
const expectAllInForce = async (assistantIds: string[]) => {
  const versions = await system.versions();
  for (const id of assistantIds) {
    const last = versions.findLast(({ subject }) => subject === id);
    const { assistant } = await openRecord(system.sealer, last!);
    expect(assistant.secret_key).toBe(await system.trueKey(id));
  }
};
const rotationsOf = async (assistantId: string): Promise<number> =>
  (await system.admin('GET', `/assistants/${assistantId}`)).rotations;
const attention = async (code: string) =>
  (await system.client.getStatus()).attention.filter((item) => item.code === code);
const swept = async () => {
  const { id } = await client.createSweep({ orgId: 'org_demo' });
  return eventually(
    () => client.getSweep(id),
    ({ state }) => state === 'SUCCEEDED' || state === 'FAILED',
    60_000,
  );
};

describe('a long record', () => {
  it.each([
    ['ast_1', 'of 3.5 MB', 3_500_000],
    ['ast_2', 'of 9 MB', 9_000_000],
    ['ast_3', 'as long as one may be', MAX_RECORD_BYTES - 4096],
  ])(
    '%s, %s, rotates, and is read by every client and in the stream',
    async (id, _what, bytes) => {
      await instruct(id, ofBytes(bytes));
      expect(await system.rotateAndWait(id)).toMatchObject({
        state: 'SUCCEEDED',
        cause: 'ROTATION',
        attemptCount: 1,
      });
      await expectInForce(id);
      const { sealed } = await client.getAssistant(id);
      expect(sealed!.length).toBeGreaterThan(bytes);
      const { code, out } = await startRekey(system, ['get', id, '--json']).result;
      expect([code, JSON.parse(out).sealed ?? JSON.parse(out)]).toEqual([0, expect.anything()]);
    },
    60_000,
  );

  it('is read over a slow link by client and `rekey`, beyond the 10 s of other calls', async () => {
    const gatewayPort = Number(system.gateway.ready['address']!.split(':').pop());
    const slow = await startSlowLink(gatewayPort, 1_500_000);
    const overSlowLink = createRekeyClient({ address: slow.address });
    try {
      const [{ sealed }, { code, out }] = await Promise.all([
        overSlowLink.getAssistant('ast_3'),
        startRekey(system, ['get', 'ast_3', '--json', '--gateway', slow.address]).result,
      ]);
      expect(sealed!.length).toBeGreaterThan(MAX_RECORD_BYTES);
      expect([code, out.length > MAX_RECORD_BYTES]).toEqual([0, true]);
    } finally {
      overSlowLink.close();
      slow.close();
    }
  });

  it('among many does not prevent the comparison of a list', async () => {
    // Together they exceed the size limit of a response.
    for (const id of ['ast_4', 'ast_5', 'ast_6']) await instruct(id, ofBytes(MAX_RECORD_BYTES - 4096));
    expect(await swept()).toMatchObject({ state: 'SUCCEEDED' });
    await expectAllInForce(['ast_4', 'ast_5', 'ast_6']);
    for (const id of ['ast_3', 'ast_4', 'ast_5', 'ast_6']) await instruct(id, '');
  });
});

describe('many of the longest records', () => {
  it('rotated together do not exhaust the heap of a worker', async () => {
    const ids = Array.from({ length: 16 }, (_, i) => `ast_${i + 20}`);
    // With one character beyond Latin-1, a string takes two bytes a character.
    for (const id of ids) await instruct(id, `\u{1F600}${ofBytes(MAX_RECORD_BYTES - 4096)}`);
    let ended = false;
    void system.worker!.child.exited.then(() => (ended = true));
    const rotations = await Promise.all(ids.map((id) => system.rotate(id)));
    for (const { id } of rotations) {
      const rotation = await eventually(
        () => system.client.getRotation(id),
        ({ state }) => ended || state === 'SUCCEEDED' || state === 'FAILED',
        120_000,
      );
      expect([ended, rotation.state]).toEqual([false, 'SUCCEEDED']);
    }
    await expectAllInForce(ids);
    for (const id of ids) await instruct(id, '');
  }, 300_000);
});

describe('an oversized record', () => {
  it('is reported if its key cannot be read back after a POST, and published once it fits', async () => {
    await system.rotateAndWait('ast_7');
    await instruct('ast_7', ofBytes(MAX_RECORD_BYTES + 1));
    const { id } = await system.rotate('ast_7');
    const seen = await eventually(
      () => system.client.getRotation(id),
      ({ reconciliation }) => reconciliation?.operatorNeeded === true,
    );
    expect(seen.reconciliation).toMatchObject({
      readError: 'RECORD_TOO_LARGE',
      advice: expect.stringContaining('Shorten the record'),
    });
    expect(
      await eventually(
        () => attention('RECORD_TOO_LARGE'),
        ({ length }) => length > 0,
      ),
    ).toEqual([
      expect.objectContaining({ subject: 'ast_7', advice: expect.stringContaining('rekey sweep') }),
    ]);
    await instruct('ast_7', 'short');
    await eventually(
      () => system.client.getRotation(id),
      ({ state }) => state === 'SUCCEEDED' || state === 'FAILED',
      60_000,
    );
    expect(await rotationsOf('ast_7')).toBe(2);
    await expectInForce('ast_7');
    expect(await attention('RECORD_TOO_LARGE')).toEqual([]);
  });

  it('found by a sweep is not rotated, alone or in bulk, until it fits', async () => {
    await system.rotateAndWait('ast_8');
    await instruct('ast_8', ofBytes(MAX_RECORD_BYTES + 1));
    await swept();
    expect(await attention('RECORD_TOO_LARGE')).toEqual([expect.objectContaining({ subject: 'ast_8' })]);
    expect(await system.rotateAndWait('ast_8')).toMatchObject({
      state: 'FAILED',
      attemptCount: 0,
      error: { reason: 'RECORD_TOO_LARGE', advice: expect.stringContaining('Shorten the record') },
    });
    const bulk = await client.createBulkRotation({ orgId: 'org_demo', assistantIds: ['ast_8', 'ast_9'] });
    const done = await eventually(
      () => client.getBulkRotation(bulk.id),
      ({ state }) => state === 'COMPLETED' || state === 'HALTED',
      60_000,
    );
    expect(done).toMatchObject({
      counts: { succeeded: 1, failed: 1 },
      lastFailures: [{ assistantId: 'ast_8', reason: 'RECORD_TOO_LARGE' }],
    });
    expect(await rotationsOf('ast_8')).toBe(1);
    await expectInForce('ast_8');

    await instruct('ast_8', 'short');
    expect(await swept()).toMatchObject({ state: 'SUCCEEDED' });
    expect(await attention('RECORD_TOO_LARGE')).toEqual([]);
    expect(await system.rotateAndWait('ast_8')).toMatchObject({ state: 'SUCCEEDED', attemptCount: 1 });
  });
});

/** Starts a proxy that forwards `bytesPerSecond` to each client. */
const startSlowLink = async (targetPort: number, bytesPerSecond: number) => {
  const server = createServer((socket) => {
    const target = connect(targetPort, '127.0.0.1');
    const throttle = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        await sleep((chunk.length / bytesPerSecond) * 1000);
        yield chunk;
      }
    };
    pipeline(socket, target, () => {});
    pipeline(target, throttle, socket, () => {});
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => void server.close() };
};
