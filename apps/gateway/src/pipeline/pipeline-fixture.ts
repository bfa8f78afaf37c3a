import { afterEach, beforeEach } from '@jest/globals';
import { Metadata, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { loadContract, type ServiceHandlers } from '@rekey/rpc';
import type { ErrorCode } from '@rekey/schema';
import { z } from 'zod';
import { OPEN_ACCESS, type Access } from '../access/guard-calls.ts';
import { limitsWith } from '../limits/limits-fixture.ts';
import { createHandlers } from './pipeline.ts';
import {
  defineClientStreamRpc,
  defineRpc,
  defineServerStreamRpc,
  type Effect,
  type RpcContext,
  type RpcTable,
} from './rpc.ts';
import { createServer, type GatewayServer } from './server.ts';

const contract = loadContract();

/** The outcome of a call as its caller sees it. */
interface Outcome {
  code: status;
  responses: any[];
}

/**
 * One method of each kind above a real gRPC server. Every step notes its name, and a test may replace
 * handlers.
 */
interface PipelineFixture {
  steps: string[];
  logged: { name: string; fields: Record<string, unknown> }[];
  /** The codes that were metered, with their methods. */
  metered: { path: string; code: status }[];
  held: ErrorCode | undefined;
  durable: boolean;
  effect: Effect;
  idleMs: number;
  access: Access;
  handler(request: any, context: RpcContext): Promise<any>;
  streamHandler(parts: AsyncIterable<any>): Promise<any>;
  watchHandler(request: any, context: RpcContext): AsyncIterable<any>;
  unary(options?: {
    metadata?: Record<string, string>;
    deadlineMs?: number;
    reason?: string;
  }): Promise<Outcome>;
  clientStream(messages: AsyncIterable<object> | Iterable<object>, cancel?: AbortSignal): Promise<Outcome>;
  serverStream(cancelAfter?: number): Promise<Outcome>;
}

const rowsOf = (fixture: PipelineFixture): Partial<RpcTable> => {
  const note = <T>(step: string, value: T): T => {
    fixture.steps.push(step);
    return value;
  };
  const request = z.object({ orgId: z.string() }).transform((parsed) => note('parse', parsed));
  const rights = { permission: 'rotations.create', orgs: 'request' } as const;
  const respond = (result: object) => note('respond', { orgId: 'c', ...result });
  const table = {
    RotationService: {
      RotateSecretKey: defineRpc({
        ...rights,
        request,
        effect: 'accept',
        handler: async (parsed, context) => note('handle', fixture.handler(parsed, context)),
        respond,
      }),
    },
    BulkRotationService: {
      CreateBulkRotation: defineClientStreamRpc({
        ...rights,
        request: () => ({
          read: (message: object) => note('parse', message),
          end: () => note('end', undefined),
        }),
        effect: 'accept',
        handler: async (parts: AsyncIterable<object>) => note('handle', fixture.streamHandler(parts)),
        respond,
      }),
      WatchBulkRotation: defineServerStreamRpc({
        ...rights,
        request: z.object({ id: z.string() }).transform((parsed) => note('parse', parsed)),
        effect: 'read',
        handler: (parsed, context) => note('handle', fixture.watchHandler(parsed, context)),
        respond,
      }),
    },
  };
  for (const rpc of [table.RotationService.RotateSecretKey, table.BulkRotationService.CreateBulkRotation])
    Object.defineProperty(rpc, 'effect', { get: () => fixture.effect });
  return table as unknown as Partial<RpcTable>;
};

/** Fills the methods that a test does not use. */
const complete = (handlers: Partial<ServiceHandlers>): ServiceHandlers => {
  const unused = () => {};
  return Object.fromEntries(
    Object.entries(handlers).map(([service, methods]) => {
      const names = Object.keys(contract.v1[service as keyof ServiceHandlers].service);
      return [service, { ...Object.fromEntries(names.map((name) => [name, unused])), ...methods }];
    }),
  ) as unknown as ServiceHandlers;
};

const startServer = async (fixture: PipelineFixture): Promise<{ server: GatewayServer; address: string }> => {
  const handlers = createHandlers(rowsOf(fixture), {
    readOrgName: async () => {
      fixture.steps.push('translate');
      return 'org_1';
    },
    holdBack: () => {
      fixture.steps.push('hold back');
      return fixture.held;
    },
    confirmDurable: async () => {
      fixture.steps.push('confirm');
      return fixture.durable;
    },
    logger: { event: (name, fields = {}) => void fixture.logged.push({ name, fields }) },
    streamIdleMs: fixture.idleMs,
    access: {
      admit: (context) => fixture.access.admit(context),
      guard: (...args) => fixture.access.guard(...args),
      rightsOf: (...args) => fixture.access.rightsOf(...args),
      close: () => {},
    },
  });
  const onCall = (path: string) => (code: status) => void fixture.metered.push({ path, code });
  const server = createServer(contract, complete(handlers), { limits: limitsWith(), observer: { onCall } });
  return { server, address: `127.0.0.1:${await server.listen('127.0.0.1:0')}` };
};

const metadataOf = (values: Record<string, string>): Metadata => {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(values)) metadata.set(name, value);
  return metadata;
};

const callsOf = (address: string) => {
  const rotations = new contract.v1.RotationService(address, credentials.createInsecure());
  const bulks = new contract.v1.BulkRotationService(address, credentials.createInsecure());
  const ended = (resolve: (outcome: Outcome) => void) => (error: ServiceError | null, response?: unknown) =>
    resolve({ code: error?.code ?? status.OK, responses: response === undefined ? [] : [response] });

  const unary: PipelineFixture['unary'] = ({ metadata = {}, deadlineMs = 10_000, reason = '' } = {}) =>
    new Promise((resolve) => {
      const deadline = Date.now() + deadlineMs;
      rotations.RotateSecretKey({ orgId: 'c', reason }, metadataOf(metadata), { deadline }, ended(resolve));
    });

  const clientStream: PipelineFixture['clientStream'] = (messages, cancel) =>
    new Promise((resolve) => {
      const call = bulks.CreateBulkRotation(ended(resolve));
      call.on('error', () => {});
      cancel?.addEventListener('abort', () => call.cancel());
      void (async () => {
        for await (const message of messages) call.write(message);
        if (!cancel) call.end();
      })();
    });

  const serverStream: PipelineFixture['serverStream'] = (cancelAfter = Infinity) =>
    new Promise((resolve) => {
      const responses: unknown[] = [];
      const call = bulks.WatchBulkRotation({ id: 'blk_1' });
      call.on('data', (response) => {
        if (responses.push(response) >= cancelAfter) call.cancel();
      });
      call.on('error', ({ code }: ServiceError) => resolve({ code, responses }));
      call.on('end', () => resolve({ code: status.OK, responses }));
    });

  const close = () => {
    rotations.close();
    bulks.close();
  };
  return { unary, clientStream, serverStream, close };
};

/** Call this once at the top of a spec: it registers the hooks that start and stop the server. */
export const usePipeline = (): PipelineFixture => {
  const fixture = {} as PipelineFixture;
  let stop: () => Promise<void>;
  beforeEach(async () => {
    Object.assign(fixture, {
      steps: [],
      logged: [],
      metered: [],
      held: undefined,
      durable: true,
      effect: 'accept',
      idleMs: 10_000,
      access: OPEN_ACCESS,
      handler: async () => ({}),
      streamHandler: async (parts: AsyncIterable<object>) => {
        for await (const part of parts)
          if ('orgId' in part) fixture.steps.push(`part of ${String(part.orgId)}`);
        return {};
      },
      watchHandler: async function* () {
        yield {};
        yield {};
      },
    });
    const { server, address } = await startServer(fixture);
    const { close, ...calls } = callsOf(address);
    Object.assign(fixture, calls);
    stop = async () => {
      close();
      await server.close(1000);
    };
  });
  afterEach(() => stop());
  return fixture;
};
