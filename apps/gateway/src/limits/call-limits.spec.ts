import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import {
  clientStreaming,
  loadContract,
  prepare,
  serverStreaming,
  unary,
  type ServiceHandlers,
  type WatchEventsResponse,
} from '@rekey/rpc';
import { createServer, type GatewayServer } from '../pipeline/server.ts';
import { limitsWith } from './limits-fixture.ts';
import type { GatewayLimits } from './limits.ts';
import {
  CHECK_HEALTH,
  WATCH_HEALTH,
  CREATE_BULK,
  EMPTY,
  REFLECT,
  ROTATE,
  WAIT,
  WATCH_BULK,
  connectRawHttp2,
  type RawCall,
  type RawConnection,
} from './raw-http2-fixture.ts';

const contract = loadContract();
let server: GatewayServer;
let raw: RawConnection;
let refused: string[];
/** The calls whose handlers run. */
let running: number;
/** Watches that are open, and what each sends before it lasts. */
let watching: number;
let updates: number;
let finish: () => void;

type Changes = Partial<GatewayLimits['calls']> & { arriveWithinMs?: number };

const withChanges = (limits: GatewayLimits, { arriveWithinMs, ...changes }: Changes): GatewayLimits => {
  const kinds = Object.entries(limits.calls.kinds).map(([kind, one]) => [
    kind,
    arriveWithinMs === undefined || one.arriveWithinMs === Infinity ? one : { ...one, arriveWithinMs },
  ]);
  return { ...limits, calls: { ...limits.calls, kinds: Object.fromEntries(kinds), ...changes } };
};

/** The handlers of a service: those given, and one that answers at once for each other method. */
const complete = (
  service: keyof ServiceHandlers,
  handlers: UntypedServiceImplementation,
): UntypedServiceImplementation => {
  const atOnce = unary(
    async () => ({}),
    () => {},
  );
  const names = Object.keys(contract.v1[service].service);
  return { ...Object.fromEntries(names.map((name) => [name, atOnce])), ...handlers };
};

/** `WaitRotation` and streams of responses last until `finish`. `responseBytes`: of a message of these. */
const start = async (
  env: NodeJS.ProcessEnv = {},
  changes: Changes = {},
  responseBytes = 0,
): Promise<void> => {
  const { promise: finished, resolve } = Promise.withResolvers<void>();
  finish = resolve;
  refused = [];
  running = 0;
  watching = 0;
  const lasting = async () => {
    running += 1;
    await finished;
    running -= 1;
    return {};
  };
  const onUnexpected = () => {};
  const shared = prepare<WatchEventsResponse>({ entries: [], after: 'x'.repeat(responseBytes) });
  const handlers = {
    EventService: complete('EventService', {
      WatchEvents: serverStreaming(async function* () {
        yield shared;
        await lasting();
      }, onUnexpected),
    }),
    RotationService: complete('RotationService', {
      WaitRotation: unary(lasting, onUnexpected),
      GetRotation: unary(async () => ({ reason: 'x'.repeat(responseBytes) }), onUnexpected),
    }),
    BulkRotationService: complete('BulkRotationService', {
      CreateBulkRotation: clientStreaming(
        async (requests) => {
          running += 1;
          for await (const _ of requests);
          running -= 1;
          return {};
        },
        onUnexpected,
        { idleMs: 60_000 },
      ),
      WatchBulkRotation: serverStreaming(async function* () {
        watching += 1;
        try {
          for (let i = 0; i < updates; i += 1) yield { reason: 'x'.repeat(responseBytes) };
          await lasting();
          yield {};
        } finally {
          watching -= 1;
        }
      }, onUnexpected),
    }),
  } as unknown as ServiceHandlers;
  const limits = withChanges(limitsWith(env), changes);
  server = createServer(contract, handlers, { limits, onLimit: (limit) => void refused.push(limit) });
  server.health.setStatus('', 'SERVING');
  raw = await connectRawHttp2(await server.listen('127.0.0.1:0'));
};
beforeEach(() => void (updates = 0));
afterEach(async () => {
  finish();
  raw.close();
  await server.close(1000);
});

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await sleep(5);
};
const openMany = (count: number, open: () => RawCall): RawCall[] => Array.from({ length: count }, open);
const REFUSED = { status: status.RESOURCE_EXHAUSTED, reason: 'TOO_MANY_CALLS', retryAfterMs: 1000 };

describe('open calls of a kind', () => {
  it.each<[string, string, NodeJS.ProcessEnv]>([
    // Of waits: see refused-waits.spec.ts.
    ['watches', WATCH_BULK, { GATEWAY_MAX_WATCHES: '3' }],
  ])('are refused beyond their limit, and admitted when others have ended: %s', async (kind, path, env) => {
    await start(env);
    const open = openMany(3, () => raw.send(path));
    await until(() => running === 3);
    expect(await raw.send(path).ended).toEqual({ ...REFUSED, bound: kind });
    expect(await raw.send(ROTATE).ended).toMatchObject({ status: status.OK });
    open[0]!.stream.close();
    await sleep(50);
    const next = raw.send(path);
    await sleep(50);
    expect([next.isOpen(), refused]).toEqual([true, [kind]]);
  });

  it('are no watches of health, which need no identity: those shut out no others', async () => {
    await start({ GATEWAY_MAX_WATCHES: '3', GATEWAY_MAX_CONNECTIONS: '3' });
    const ofHealth = openMany(4, () => raw.send(WATCH_HEALTH));
    // If none has been read, the oldest makes room for the last.
    expect(await Promise.race(ofHealth.map(({ ended }) => ended))).toEqual({
      ...REFUSED,
      bound: 'health-watches',
    });
    openMany(3, () => raw.send(WATCH_BULK));
    await until(() => watching === 3);
    expect(refused).toEqual(['health-watches']);
  });

  it('make room for a new upload if one of them has sent no message: the oldest', async () => {
    await start({ GATEWAY_MAX_UPLOADS: '2' });
    const sending = raw.open(CREATE_BULK, EMPTY);
    const silent = raw.open(CREATE_BULK);
    await until(() => running === 2);
    await sleep(50);
    const next = raw.open(CREATE_BULK, EMPTY);
    expect(await silent.ended).toEqual({ ...REFUSED, bound: 'uploads' });
    await sleep(50);
    expect([sending.isOpen(), next.isOpen()]).toEqual([true, true]);
    expect(await raw.open(CREATE_BULK, EMPTY).ended).toEqual({ ...REFUSED, bound: 'uploads' });
  });

  it('held half open shut out neither whole requests nor health checks', async () => {
    await start({ GATEWAY_MAX_CALLS: '5' });
    const halfOpen = openMany(900, () => raw.open(ROTATE, EMPTY.subarray(0, 3)));
    expect(await raw.send(ROTATE).ended).toMatchObject({ status: status.OK });
    expect(await raw.send(CHECK_HEALTH).ended).toMatchObject({ status: status.OK });
    expect(halfOpen.filter((call) => call.isOpen()).length).toBeLessThanOrEqual(5);
  });
});

describe('a request', () => {
  it.each([
    ['without a message', undefined],
    ['with a part of one', EMPTY.subarray(0, 3)],
    ['with a whole one that does not end', EMPTY],
  ])('that does not arrive in time ends its call: %s', async (_what, part) => {
    await start({}, { arriveWithinMs: 300 });
    const calls = [ROTATE, WAIT, WATCH_BULK, CHECK_HEALTH].map((path) => raw.open(path, part));
    for (const { ended } of calls)
      expect(await ended).toMatchObject({ status: status.ABORTED, reason: 'REQUEST_STALLED' });
    expect([running, refused]).toEqual([0, ['arrival', 'arrival', 'arrival', 'arrival']]);
  });

  it('that has arrived may be worked on for longer', async () => {
    await start({}, { arriveWithinMs: 100 });
    const call = raw.send(WAIT);
    await sleep(600);
    expect(call.isOpen()).toBe(true);
    finish();
    expect(await call.ended).toMatchObject({ status: status.OK });
  });

  it('for descriptors has to follow the one before in time', async () => {
    await start({}, { arriveWithinMs: 300 });
    expect(await raw.open(REFLECT).ended).toMatchObject({ reason: 'REQUEST_STALLED' });
  });

  it('counts with all that has arrived of it; the oldest that is not whole makes room', async () => {
    await start({}, { requestBytes: 100_000 });
    const part = Buffer.concat([Buffer.from([0, 0, 0, 0xff, 0]), Buffer.alloc(30_000)]);
    const calls = openMany(4, () => raw.open(ROTATE, part));
    expect(await calls[0]!.ended).toEqual({ ...REFUSED, bound: 'request-bytes' });
    expect(calls.slice(1).map((call) => call.isOpen())).toEqual([true, true, true]);
  });

  it('with too much metadata is refused', async () => {
    await start();
    expect(await raw.open(ROTATE, EMPTY, { filler: 'x'.repeat(9000) }).ended).toMatchObject({
      status: status.RESOURCE_EXHAUSTED,
      reason: 'METADATA_TOO_LARGE',
    });
  });
});

describe('a call that was answered', () => {
  it('ends although its caller never ends its request', async () => {
    await start();
    await raw.open(ROTATE, EMPTY, { filler: 'x'.repeat(9000) }).ended;
    const unknown = raw.open('/rekey.v1.RotationService/NoSuchMethod');
    expect(await unknown.ended).toMatchObject({ status: status.UNIMPLEMENTED });
  });

  it('is reset if its response is not read and others have no room', async () => {
    await start({}, { responseBytes: 300_000 }, 200_000);
    raw.session.settings({ initialWindowSize: 0 });
    await sleep(50);
    const calls = openMany(3, () => raw.send('/rekey.v1.RotationService/GetRotation'));
    expect(await calls[0]!.ended).toMatchObject({ status: undefined });
    expect(calls[2]!.isOpen()).toBe(true);
    expect(new Set(refused)).toEqual(new Set(['response-bytes']));
  });

  it('is reset if its response is not read for long', async () => {
    await start({}, { readWithinMs: 300 }, 200_000);
    raw.session.settings({ initialWindowSize: 0 });
    await sleep(50);
    expect(await raw.send('/rekey.v1.RotationService/GetRotation').ended).toMatchObject({
      status: undefined,
    });
    expect(refused).toEqual(['reading']);
  });
});

describe('a watch', () => {
  const watch = () => raw.open(WATCH_BULK, EMPTY, {}, { end: true });

  it('ends if its client does not read what it was sent, and gives its slot back', async () => {
    updates = 100;
    await start({ GATEWAY_MAX_WATCHES: '1' }, { readWithinMs: 300 }, 1000);
    raw.session.settings({ initialWindowSize: 0 });
    await sleep(50);
    expect((await watch().ended).status).toBeUndefined();
    expect(refused).toEqual(['reading']);
    await until(() => watching === 0);
    raw.session.settings({ initialWindowSize: 100_000 });
    updates = 0;
    const next = watch();
    await until(() => running === 1);
    expect(next.isOpen()).toBe(true);
  });

  it('may be quiet for long, and its client may read slowly', async () => {
    updates = 40;
    await start({}, { readWithinMs: 400 }, 10_000);
    raw.session.settings({ initialWindowSize: 0 });
    await sleep(50);
    const call = watch();
    for (let window = 10_000; window <= 500_000; window += 10_000) {
      await sleep(30);
      raw.session.settings({ initialWindowSize: window });
    }
    await until(() => running === 1);
    await sleep(1000);
    expect([call.isOpen(), refused]).toEqual([true, []]);
  });

  it('that is not read makes room for another one if there is none', async () => {
    updates = 100;
    await start({ GATEWAY_MAX_WATCHES: '1' }, { stalledAfterMs: 100 }, 1000);
    raw.session.settings({ initialWindowSize: 0 });
    await sleep(50);
    const unread = watch();
    await until(() => watching === 1);
    await sleep(500);
    expect(unread.isOpen()).toBe(true);
    const next = watch();
    expect((await unread.ended).status).toBeUndefined();
    expect([next.isOpen(), refused]).toEqual([true, ['watches']]);
  });

  it('counts what its client has not read among the unread responses', async () => {
    updates = 100;
    await start({}, { responseBytes: 100_000 }, 30_000);
    raw.session.settings({ initialWindowSize: 0 });
    await sleep(50);
    const calls = openMany(10, watch);
    await until(() => refused.length > 0 && calls.filter((call) => call.isOpen()).length <= 4);
    expect(new Set(refused)).toEqual(new Set(['response-bytes']));
  });

  it('counts a message once that several clients are sent', async () => {
    await start({}, { responseBytes: 100_000 }, 30_000);
    raw.session.settings({ initialWindowSize: 0 });
    await sleep(50);
    const calls = openMany(10, () => raw.send('/rekey.v1.EventService/WatchEvents'));
    await until(() => running === 10);
    await sleep(600);
    expect([calls.every((call) => call.isOpen()), refused]).toEqual([true, []]);
    // Another one is as long as what remains.
    updates = 100;
    openMany(3, watch);
    await until(() => refused.length > 0);
    expect(new Set(refused)).toEqual(new Set(['response-bytes']));
  });
});
