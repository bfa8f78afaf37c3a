import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { loadContract, type ServiceHandlers } from '@rekey/rpc';
import { RekeyError } from '@rekey/schema';
import { z } from 'zod';
import { OPEN_ACCESS } from '../../access/guard-calls.ts';
import { createHandlers } from '../../pipeline/pipeline.ts';
import { defineRpc, type RpcTable } from '../../pipeline/rpc.ts';
import { createServer, type GatewayServer } from '../../pipeline/server.ts';
import { limitsWith } from '../limits-fixture.ts';
import { EMPTY, ROTATE, WAIT, connectRawHttp2, type RawConnection } from '../raw-http2-fixture.ts';
import { refuseWaits } from './refuse-waits.ts';

const contract = loadContract();
let server: GatewayServer;
let raw: RawConnection;
let refused: string[];
let waiting: number;
/** Whether the rotation that everybody waits for has ended. */
let hasEnded: boolean;
let reads: number;
/** Whether the caller may hold another wait, and how many it holds. */
let share: { isFree: boolean; held: number };

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await sleep(5);
};

const columns = {
  permission: 'rotations.read',
  orgs: 'none',
  effect: 'read',
  respond: () => ({}),
  request: z.looseObject({}),
} as const;
const rows = {
  RotateSecretKey: defineRpc({ ...columns, handler: async () => ({}) }),
  WaitRotation: defineRpc({
    ...columns,
    waits: async () => {
      reads += 1;
      return hasEnded ? {} : undefined;
    },
    handler: async (_request, { signal }) => {
      waiting += 1;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      waiting -= 1;
      return {};
    },
  }),
};

beforeEach(async () => {
  [refused, waiting, hasEnded, reads, share] = [[], 0, false, 0, { isFree: true, held: 0 }];
  // Slower than calls can follow each other, however busy the machine is.
  const pace = { perSecond: 2, atLeastMs: 1000, atMostMs: 60_000 };
  const all = limitsWith({ GATEWAY_MAX_WAITS: '3', GATEWAY_MAX_CALLS: '2' }, pace);
  const { 'refused-waits': beyond, waits, ...kinds } = all.calls.kinds;
  const keepsRoomMs = { arriving: 200, leaving: 200 };
  const limits = {
    ...all,
    calls: {
      ...all.calls,
      kinds: { ...kinds, waits: { ...waits!, keepsRoomMs }, 'refused-waits': { ...beyond!, open: 2 } },
    },
  };
  const onLimit = (limit: string) => void refused.push(limit);
  const handlers = createHandlers({ RotationService: rows } as unknown as Partial<RpcTable>, {
    readOrgName: async () => 'org_1',
    holdBack: () => undefined,
    confirmDurable: async () => true,
    logger: { event: () => {} },
    access: OPEN_ACCESS,
    quotas: {
      countCall: () => {},
      mayHold: () => share.isFree,
      hold: () => {
        if (!share.isFree) throw new RekeyError('QUOTA_EXCEEDED', { metadata: { bound: 'caller-waits' } });
        share.held += 1;
        return () => void (share.held -= 1);
      },
    },
    refuseWait: refuseWaits(limits, onLimit),
  });
  const names = Object.keys(contract.v1.RotationService.service);
  const complete = Object.fromEntries(names.map((name) => [name, () => {}]));
  server = createServer(
    contract,
    { RotationService: { ...complete, ...handlers.RotationService } } as unknown as ServiceHandlers,
    { limits, onLimit },
  );
  raw = await connectRawHttp2(await server.listen('127.0.0.1:0'));
});
afterEach(async () => {
  raw.close();
  await until(() => waiting === 0);
  await server.close(1000);
});

const REFUSED = { status: status.RESOURCE_EXHAUSTED, reason: 'TOO_MANY_CALLS', bound: 'waits' };

describe('a wait beyond the limit', () => {
  beforeEach(async () => {
    for (let i = 0; i < 3; i += 1) raw.send(WAIT);
    await until(() => waiting === 3);
  });

  it('is answered if what it waits for has ended', async () => {
    hasEnded = true;
    expect(await raw.send(WAIT).ended).toMatchObject({ status: status.OK });
    expect([refused, waiting]).toEqual([[], 3]);
  });

  it('is refused otherwise, and told to come back after those that were refused before it', async () => {
    const times: unknown[] = [];
    for (let i = 0; i < 60; i += 1) {
      const { retryAfterMs, ...refusal } = await raw.send(WAIT).ended;
      expect(refusal).toMatchObject(REFUSED);
      times.push(retryAfterMs);
    }
    expect(times[0]).toBe(1000);
    expect(new Set(times).size).toBeGreaterThan(1);
    expect([reads, refused.length, waiting, share.held]).toEqual([60, 60, 3, 3]);
  });

  it('takes no place in the line of others if its caller is beyond its own share', async () => {
    share.isFree = false;
    const own = { ...REFUSED, reason: 'QUOTA_EXCEEDED', bound: 'caller-waits' };
    for (let i = 0; i < 60; i += 1) expect(await raw.send(WAIT).ended).toMatchObject(own);
    hasEnded = true;
    expect(await raw.send(WAIT).ended).toMatchObject({ status: status.OK });
    [hasEnded, share.isFree] = [false, true];
    expect(await raw.send(WAIT).ended).toMatchObject({ ...REFUSED, retryAfterMs: 1000 });
  });

  it('is not delayed by those that are refused before anybody knows whose they are', async () => {
    for (let i = 0; i < 100; i += 1) raw.open(WAIT, EMPTY.subarray(0, 3));
    expect(await raw.send(WAIT).ended).toMatchObject({ ...REFUSED, retryAfterMs: 1000 });
    expect(refused.length).toBeGreaterThan(90);
  });

  it('takes no room of other calls, and half-open ones make room', async () => {
    const halfOpen = Array.from({ length: 100 }, () => raw.open(WAIT, EMPTY.subarray(0, 3)));
    expect(await raw.send(ROTATE).ended).toMatchObject({ status: status.OK });
    expect(halfOpen.filter((call) => call.isOpen()).length).toBeLessThanOrEqual(2);
    hasEnded = true;
    expect(await raw.send(WAIT).ended).toMatchObject({ status: status.OK });
    expect(waiting).toBe(3);
  });
});

it('waits that stay half open make room for one that is whole', async () => {
  const halfOpen = Array.from({ length: 3 }, () => raw.open(WAIT, EMPTY.subarray(0, 3)));
  await sleep(50);
  expect(await raw.send(WAIT).ended).toMatchObject(REFUSED);
  await sleep(250);
  raw.send(WAIT);
  await until(() => waiting === 1);
  expect(await halfOpen[0]!.ended).toMatchObject(REFUSED);
  expect([halfOpen[1]!.isOpen(), halfOpen[2]!.isOpen()]).toEqual([true, true]);
});
