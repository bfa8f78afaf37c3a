import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { afterEach, expect } from '@jest/globals';
import { type CallContext, clientStreaming, serverStreaming, unary, loadContract } from '@rekey/rpc';
import { RekeyError } from '@rekey/schema';
import { freePort, isPortFree } from '@rekey/testing';
import { RekeyClientError } from './calls/client-error.ts';
import { createRekeyClient, type RekeyClient, type RekeyClientOptions } from './client.ts';

export type Handler = (request: any, context: CallContext) => any;
const { v1 } = loadContract();
const report = (error: unknown) => {
  if (!(error instanceof RekeyError)) console.error(error);
};

/** A gateway that has only these methods. */
interface Fake {
  rotations?: Record<string, Handler>;
  bulks?: {
    unary?: Record<string, Handler>;
    create?: (messages: AsyncIterable<any>) => Promise<any>;
    watch?: (request: any, context: CallContext) => AsyncIterable<any>;
  };
  policies?: { create?: (messages: AsyncIterable<any>) => Promise<any> };
  consumers?: Record<string, Handler>;
  assistants?: Record<string, Handler>;
  activity?: {
    list?: Handler;
    watch?: (request: any, context: CallContext) => AsyncIterable<any>;
  };
}

const toDispose: (() => void)[] = [];
afterEach(() => {
  for (const dispose of toDispose.splice(0).toReversed()) dispose();
});

export const startFake = async (
  { rotations = {}, bulks = {}, policies = {}, consumers = {}, assistants = {}, activity = {} }: Fake,
  /** One that it takes as soon as it is free; without it, any. */
  port = 0,
): Promise<{ port: number; kill(): void }> => {
  const server = new Server({ 'grpc.max_receive_message_length': 64 * 1024 });
  const unaries = (handlers: Record<string, Handler>) =>
    Object.fromEntries(
      Object.entries(handlers).map(([name, handler]) => [
        name,
        unary(async (request, context) => handler(request, context), report),
      ]),
    );
  server.addService(v1.RotationService.service, unaries(rotations) as UntypedServiceImplementation);
  server.addService(v1.BulkRotationService.service, {
    ...unaries(bulks.unary ?? {}),
    ...(bulks.create && { CreateBulkRotation: clientStreaming(bulks.create, report, { idleMs: 60_000 }) }),
    ...(bulks.watch && { WatchBulkRotation: serverStreaming(bulks.watch, report) }),
  } as UntypedServiceImplementation);
  server.addService(v1.RotationPolicyService.service, {
    ...(policies.create && {
      CreateRotationPolicy: clientStreaming(policies.create, report, { idleMs: 60_000 }),
    }),
  } as UntypedServiceImplementation);
  server.addService(v1.AssistantService.service, unaries(assistants) as UntypedServiceImplementation);
  server.addService(v1.ActivityService.service, {
    ...unaries(activity.list ? { ListActivity: activity.list } : {}),
    ...(activity.watch && { WatchActivity: serverStreaming(activity.watch, report) }),
  } as UntypedServiceImplementation);
  server.addService(v1.ConsumerService.service, unaries(consumers) as UntypedServiceImplementation);
  const bind = (one: number) =>
    new Promise<number>((resolve, reject) =>
      server.bindAsync(`127.0.0.1:${one}`, ServerCredentials.createInsecure(), (error, taken) =>
        error ? reject(error) : resolve(taken),
      ),
    );
  // The kernel releases the port of a killed gateway only after some time.
  const isTaken = async () => port !== 0 && !(await isPortFree(port));
  while (await isTaken()) await sleep(50);
  const bound = await bind(port || (await freePort()));
  const kill = () => server.forceShutdown();
  toDispose.push(kill);
  return { port: bound, kill };
};

export const connect = (
  { port }: { port: number },
  options: Partial<RekeyClientOptions> = {},
): RekeyClient => {
  const client = createRekeyClient({
    address: `127.0.0.1:${port}`,
    retry: { firstPauseMs: 10, longestPauseMs: 50 },
    ...options,
  });
  toDispose.push(() => client.close());
  return client;
};

export const failureOf = async (call: Promise<unknown>): Promise<RekeyClientError> => {
  const error: unknown = await call.then(
    () => {
      throw new Error('it did not fail');
    },
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(RekeyClientError);
  return error as RekeyClientError;
};

/** Returns these responses in turn, then repeats the last one. Throws errors. */
export const inTurn = (...answers: unknown[]) => {
  const requests: any[] = [];
  const handler: Handler = async (request) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(request);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { requests, handler };
};

export const never: Handler = (_request, { signal }) =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve({})));
export const away = () => new RekeyError('REDIS_UNAVAILABLE');
export const queued = { id: 'rot_1', state: 'QUEUED' };
export const succeeded = { id: 'rot_1', state: 'SUCCEEDED', version: '1700000000000', cause: 'ROTATION' };
export const uuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
export const request = { orgId: 'org', assistantId: 'ast' };
