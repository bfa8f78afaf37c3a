import { constants } from 'node:http2';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Metadata, credentials, status, type ClientWritableStream, type ServiceError } from '@grpc/grpc-js';
import { ALL_RIGHTS } from '@rekey/access';
import { loadContract, readStatusDetails, type ServiceHandlers } from '@rekey/rpc';
import { z } from 'zod';
import type { Access } from '../access/guard-calls.ts';
import { limitsWith } from '../limits/limits-fixture.ts';
import {
  CHECK_HEALTH,
  EMPTY,
  REFLECT,
  connectRawHttp2,
  type RawCall,
  type RawConnection,
} from '../limits/raw-http2-fixture.ts';
import { createHandlers } from '../pipeline/pipeline.ts';
import { defineClientStreamRpc, defineRpc, defineServerStreamRpc, type RpcTable } from '../pipeline/rpc.ts';
import { createServer, type GatewayServer } from '../pipeline/server.ts';
import { createCallerQuotas, type CallerQuotas } from './caller-quotas.ts';

/*
 * A real server whose callers are known by the token that they send, with the share of one caller at its
 * default: a quarter of each kind.
 */

const { NGHTTP2_CANCEL: CANCEL } = constants;
const contract = loadContract();
const ALL = 40;
const SHARE = 10;
/** So many that others still find room. */
const FLOOD = ALL - SHARE;

let server: GatewayServer;
let quotas: CallerQuotas;
let raw: RawConnection;
let refused: string[];
let parts: number;
/** The clock of the quotas. */
let nowMs: number;
let clients: { close(): void }[];
let rotations: InstanceType<typeof contract.v1.RotationService>;
let bulks: InstanceType<typeof contract.v1.BulkRotationService>;

const access: Access = {
  admit: ({ authorization = 'nobody' }) => ({
    caller: { name: authorization, names: new Set([authorization]), expiresMs: Infinity },
    rights: () => ALL_RIGHTS,
  }),
  guard: () => undefined,
  rightsOf: () => ALL_RIGHTS,
  close: () => {},
};

const untilGone = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
const columns = {
  permission: 'rotations.read',
  orgs: 'none',
  effect: 'read',
  respond: () => ({}),
} as const;
const request = z.looseObject({});
const table = {
  RotationService: {
    GetRotation: defineRpc({ ...columns, request, handler: async () => {} }),
    WaitRotation: defineRpc({
      ...columns,
      request,
      waits: async () => undefined,
      handler: (_request, { signal }) => untilGone(signal),
    }),
  },
  BulkRotationService: {
    CreateBulkRotation: defineClientStreamRpc({
      ...columns,
      request: () => ({ read: (message: object) => message, end: () => {} }),
      handler: async (messages: AsyncIterable<object>) => {
        for await (const message of messages) parts += Number(message !== undefined);
      },
    }),
    WatchBulkRotation: defineServerStreamRpc({
      ...columns,
      request,
      handler: async function* (_request, { signal }) {
        yield {};
        await untilGone(signal);
      },
    }),
  },
};
const complete = (handlers: Partial<ServiceHandlers>): ServiceHandlers =>
  Object.fromEntries(
    Object.entries(handlers).map(([service, methods]) => {
      const names = Object.keys(contract.v1[service as keyof ServiceHandlers].service);
      return [service, { ...Object.fromEntries(names.map((name) => [name, () => {}])), ...methods }];
    }),
  ) as unknown as ServiceHandlers;

beforeEach(async () => {
  [refused, parts] = [[], 0];
  const limits = limitsWith({
    GATEWAY_MAX_WAITS: String(ALL),
    GATEWAY_MAX_WATCHES: String(ALL),
    GATEWAY_MAX_UPLOADS: String(ALL),
    GATEWAY_MAX_CALLER_CALLS_PER_SECOND: '20',
  });
  const onLimit = (limit: string) => void refused.push(limit);
  nowMs = 1_000_000;
  quotas = createCallerQuotas(limits.callers, onLimit, () => nowMs);
  const handlers = createHandlers(table as unknown as Partial<RpcTable>, {
    readOrgName: async () => 'org_1',
    holdBack: () => undefined,
    confirmDurable: async () => true,
    logger: { event: () => {} },
    access,
    quotas,
  });
  server = createServer(contract, complete(handlers), {
    limits,
    onLimit,
    mayReflect: async ({ authorization = 'nobody' }) => quotas.hold('reflection', authorization),
  });
  const port = await server.listen('127.0.0.1:0');
  rotations = new contract.v1.RotationService(`127.0.0.1:${port}`, credentials.createInsecure());
  bulks = new contract.v1.BulkRotationService(`127.0.0.1:${port}`, credentials.createInsecure());
  clients = [rotations, bulks];
  raw = await connectRawHttp2(port);
});
afterEach(async () => {
  for (const client of clients) client.close();
  raw.close();
  await server.close(1000);
});

const as = (name: string): Metadata => {
  const metadata = new Metadata();
  metadata.set('authorization', name);
  return metadata;
};
interface Begun {
  cancel(): void;
  ended: Promise<ServiceError | null>;
}
const begin = {
  waits: (name: string): Begun => {
    let cancel = () => {};
    const ended = new Promise<ServiceError | null>((resolve) => {
      const call = rotations.WaitRotation({ id: 'rot_1' }, as(name), (error) => resolve(error));
      cancel = () => call.cancel();
    });
    return { cancel, ended };
  },
  watches: (name: string): Begun => {
    const call = bulks.WatchBulkRotation({ id: 'blk_1' }, as(name));
    call.on('data', () => {});
    const ended = new Promise<ServiceError | null>((resolve) => {
      call.on('error', (error: ServiceError) => resolve(error));
      call.on('end', () => resolve(null));
    });
    return { cancel: () => call.cancel(), ended };
  },
  uploads: (name: string): Begun => {
    let call: ClientWritableStream<any> | undefined;
    const ended = new Promise<ServiceError | null>((resolve) => {
      call = bulks.CreateBulkRotation(as(name), (error) => resolve(error));
      call.on('error', () => {});
    });
    return { cancel: () => call!.cancel(), ended };
  },
};

/** What becomes of calls within the time that the refused ones take. */
const settled = async (calls: Begun[], count: number): Promise<{ open: Begun[]; errors: ServiceError[] }> => {
  const errors: ServiceError[] = [];
  const open = new Set(calls);
  for (const call of calls)
    void call.ended.then((error) => {
      open.delete(call);
      if (error && error.code !== status.CANCELLED) errors.push(error);
    });
  for (let i = 0; i < 500 && open.size > count; i += 1) await new Promise((r) => setTimeout(r, 5));
  return { open: [...open], errors };
};

describe('a flood of reflection by one caller', () => {
  it('takes its share alone, and others begin theirs', async () => {
    const share = Math.floor(50 / 4);
    const open = (name: string) => raw.open(REFLECT, EMPTY, { authorization: name });
    const answered = async (call: RawCall): Promise<string | undefined> =>
      Promise.race([
        new Promise<string>((resolve) => call.stream.once('data', () => resolve('answered'))),
        call.ended.then(({ bound }) => bound),
      ]);
    const flood = Array.from({ length: share }, () => open('flooder'));
    expect(new Set(await Promise.all(flood.map(answered)))).toEqual(new Set(['answered']));
    expect(await answered(open('flooder'))).toBe('caller-reflection');
    expect(await answered(open('other'))).toBe('answered');

    flood[0]!.stream.close(CANCEL);
    flood[1]!.stream.end();
    await Promise.all([flood[0]!.ended, flood[1]!.ended]);
    for (let i = 0; i < 2; i += 1) {
      let outcome: string | undefined;
      for (let tries = 0; tries < 200 && outcome !== 'answered'; tries += 1)
        outcome = await answered(open('flooder'));
      expect(outcome).toBe('answered');
    }
    expect(await answered(open('flooder'))).toBe('caller-reflection');
  });
});

describe.each(['waits', 'watches', 'uploads'] as const)('a flood of %s by one caller', (kind) => {
  it('takes its share alone, and others begin theirs', async () => {
    const flood = Array.from({ length: FLOOD }, () => begin[kind]('Bearer flooder'));
    const { open, errors } = await settled(flood, SHARE);
    expect([open.length, errors.length]).toEqual([SHARE, FLOOD - SHARE]);
    expect(errors[0]!.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(readStatusDetails(errors[0]!)).toMatchObject({
      reason: 'QUOTA_EXCEEDED',
      retryAfterMs: expect.any(Number),
      metadata: { bound: `caller-${kind}`, limit: String(SHARE), retryable: 'true' },
    });
    expect(new Set(refused)).toEqual(new Set([`caller-${kind}`]));
    expect(quotas.atLimit()).toMatchObject([{ caller: 'Bearer flooder', limit: `caller-${kind}` }]);

    const others = Array.from({ length: SHARE }, () => begin[kind]('Bearer other'));
    expect((await settled([...others, begin[kind]('Bearer other')], SHARE)).open).toEqual(others);
    expect((await raw.send(CHECK_HEALTH).ended).status).not.toBe(status.RESOURCE_EXHAUSTED);

    for (const call of open) call.cancel();
    await settled(open, 0);
    const again = async (): Promise<number> => {
      const call = begin[kind]('Bearer flooder');
      const isRefused = await Promise.race([
        call.ended,
        new Promise((r) => setTimeout(() => r('open'), 100)),
      ]);
      call.cancel();
      return isRefused === 'open' ? 1 : 0;
    };
    let begun = 0;
    for (let i = 0; i < 20 && begun === 0; i += 1) begun = await again();
    expect(begun).toBe(1);
    for (const call of others) call.cancel();
  });
});

describe('a flood of whole calls by one caller', () => {
  const get = (name: string): Promise<ServiceError | null> =>
    new Promise((resolve) => rotations.GetRotation({ id: 'rot_1' }, as(name), (error) => resolve(error)));

  it('is refused beyond its rate, and others are answered', async () => {
    const errors = await Promise.all(Array.from({ length: 300 }, () => get('Bearer flooder')));
    const refusals = errors.filter((error) => error !== null);
    expect(refusals).toHaveLength(200);
    const { reason, metadata, retryAfterMs } = readStatusDetails(refusals[0]!);
    expect({ reason, bound: metadata['bound'] }).toEqual({ reason: 'QUOTA_EXCEEDED', bound: 'caller-calls' });
    expect(retryAfterMs).toBeLessThanOrEqual(100);
    expect(await get('Bearer other')).toBeNull();
    nowMs += retryAfterMs!;
    expect(await get('Bearer flooder')).toBeNull();
  });

  it('does not count the messages of a stream', async () => {
    await new Promise<void>((resolve, reject) => {
      const call = bulks.CreateBulkRotation(as('Bearer uploader'), (error) =>
        error ? reject(error) : resolve(),
      );
      for (let i = 0; i < 1000; i += 1) call.write({ assistantIds: [`ast_${i}`] });
      call.end();
    });
    expect([parts, refused]).toEqual([1000, []]);
  });
});
