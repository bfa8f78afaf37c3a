import {
  credentials as channelCredentials,
  makeClientConstructor,
  type ChannelCredentials,
  type ChannelOptions,
  type Client,
  type ServiceError,
} from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { channelOptionsFor } from './channel.ts';
import { receiveAll, sendAll } from './client-streams.ts';
import type { Assistant__Output } from './generated/rekey/v1/Assistant.ts';
import type { BulkRotation__Output } from './generated/rekey/v1/BulkRotation.ts';
import type { AdoptLedgerRequest } from './generated/rekey/v1/AdoptLedgerRequest.ts';
import type { AddConsumerRequest } from './generated/rekey/v1/AddConsumerRequest.ts';
import type { Consumer__Output } from './generated/rekey/v1/Consumer.ts';
import type { CreateBulkRotationRequest } from './generated/rekey/v1/CreateBulkRotationRequest.ts';
import type { CreateRotationPolicyRequest } from './generated/rekey/v1/CreateRotationPolicyRequest.ts';
import type { CreateSweepRequest } from './generated/rekey/v1/CreateSweepRequest.ts';
import type { FreezeRequest } from './generated/rekey/v1/FreezeRequest.ts';
import type { GetAssistantRequest } from './generated/rekey/v1/GetAssistantRequest.ts';
import type { GetBulkRotationRequest } from './generated/rekey/v1/GetBulkRotationRequest.ts';
import type { GetConsumerRequest } from './generated/rekey/v1/GetConsumerRequest.ts';
import type { GetRotationPolicyRequest } from './generated/rekey/v1/GetRotationPolicyRequest.ts';
import type { GetRotationRequest } from './generated/rekey/v1/GetRotationRequest.ts';
import type { GetSweepRequest } from './generated/rekey/v1/GetSweepRequest.ts';
import type { ListBulkRotationItemsRequest } from './generated/rekey/v1/ListBulkRotationItemsRequest.ts';
import type { ListBulkRotationItemsResponse__Output } from './generated/rekey/v1/ListBulkRotationItemsResponse.ts';
import type { ListBulkRotationsRequest } from './generated/rekey/v1/ListBulkRotationsRequest.ts';
import type { ListBulkRotationsResponse__Output } from './generated/rekey/v1/ListBulkRotationsResponse.ts';
import type { ListConsumersRequest } from './generated/rekey/v1/ListConsumersRequest.ts';
import type { ListConsumersResponse__Output } from './generated/rekey/v1/ListConsumersResponse.ts';
import type { ListRotationPoliciesRequest } from './generated/rekey/v1/ListRotationPoliciesRequest.ts';
import type { ListRotationPoliciesResponse__Output } from './generated/rekey/v1/ListRotationPoliciesResponse.ts';
import type { ListRotationsRequest } from './generated/rekey/v1/ListRotationsRequest.ts';
import type { ListRotationsResponse__Output } from './generated/rekey/v1/ListRotationsResponse.ts';
import type { ListSweepsRequest } from './generated/rekey/v1/ListSweepsRequest.ts';
import type { ListSweepsResponse__Output } from './generated/rekey/v1/ListSweepsResponse.ts';
import type { OpenBudgetRequest } from './generated/rekey/v1/OpenBudgetRequest.ts';
import type { RotateSecretKeyRequest } from './generated/rekey/v1/RotateSecretKeyRequest.ts';
import type { Rotation__Output } from './generated/rekey/v1/Rotation.ts';
import type { RotationPolicy__Output } from './generated/rekey/v1/RotationPolicy.ts';
import type { PublicKey__Output } from './generated/rekey/v1/PublicKey.ts';
import type { SetConsumerOrgsRequest } from './generated/rekey/v1/SetConsumerOrgsRequest.ts';
import type { Status__Output } from './generated/rekey/v1/Status.ts';
import type { Sweep__Output } from './generated/rekey/v1/Sweep.ts';
import type { WaitRotationRequest } from './generated/rekey/v1/WaitRotationRequest.ts';
import type { WatchBulkRotationRequest } from './generated/rekey/v1/WatchBulkRotationRequest.ts';
import { loadContract } from './load.ts';

export interface GatewayCallOptions {
  /** From now on; of a stream, from its first message on. */
  deadlineMs?: number;
  /** Breaks the call off, which then rejects. */
  signal?: AbortSignal;
}

type Call<Request, Response> = (request: Request, options?: GatewayCallOptions) => Promise<Response>;

/**
 * The gateway's methods as promises. They reject with grpc-js's ServiceError; `readStatusDetails` reads its
 * reason.
 */
export interface GatewayClient {
  rotateSecretKey: Call<RotateSecretKeyRequest, Rotation__Output>;
  getRotation: Call<GetRotationRequest, Rotation__Output>;
  listRotations: Call<ListRotationsRequest, ListRotationsResponse__Output>;
  waitRotation: Call<WaitRotationRequest, Rotation__Output>;
  cancelRotation: Call<GetRotationRequest, Rotation__Output>;
  getAssistant: Call<GetAssistantRequest, Assistant__Output>;
  createSweep: Call<CreateSweepRequest, Sweep__Output>;
  getSweep: Call<GetSweepRequest, Sweep__Output>;
  listSweeps: Call<ListSweepsRequest, ListSweepsResponse__Output>;
  getStatus: Call<object, Status__Output>;
  freeze: Call<FreezeRequest, Status__Output>;
  unfreeze: Call<object, Status__Output>;
  openBudget: Call<OpenBudgetRequest, Status__Output>;
  adoptLedger: Call<AdoptLedgerRequest, Status__Output>;
  /**
   * The first message says what is wanted; each may be 64 KiB long. The next one is asked for when there is
   * room for it, and none any more once the gateway has answered. Where `requests` throws, the call is broken
   * off, nothing is created, and that error is thrown.
   */
  createBulkRotation(
    requests: AsyncIterable<CreateBulkRotationRequest> | Iterable<CreateBulkRotationRequest>,
    options?: GatewayCallOptions,
  ): Promise<BulkRotation__Output>;
  getBulkRotation: Call<GetBulkRotationRequest, BulkRotation__Output>;
  listBulkRotations: Call<ListBulkRotationsRequest, ListBulkRotationsResponse__Output>;
  /**
   * Without a deadline: it may take days. Keep-alive pings notice a gateway that is gone. Ends without an
   * error when the signal aborts.
   */
  watchBulkRotation(
    request: WatchBulkRotationRequest,
    options?: { signal?: AbortSignal },
  ): AsyncIterable<BulkRotation__Output>;
  pauseBulkRotation: Call<GetBulkRotationRequest, BulkRotation__Output>;
  resumeBulkRotation: Call<GetBulkRotationRequest, BulkRotation__Output>;
  cancelBulkRotation: Call<GetBulkRotationRequest, BulkRotation__Output>;
  retryBulkRotation: Call<GetBulkRotationRequest, BulkRotation__Output>;
  listBulkRotationItems: Call<ListBulkRotationItemsRequest, ListBulkRotationItemsResponse__Output>;
  /** As createBulkRotation. */
  createRotationPolicy(
    requests: AsyncIterable<CreateRotationPolicyRequest> | Iterable<CreateRotationPolicyRequest>,
    options?: GatewayCallOptions,
  ): Promise<RotationPolicy__Output>;
  getRotationPolicy: Call<GetRotationPolicyRequest, RotationPolicy__Output>;
  listRotationPolicies: Call<ListRotationPoliciesRequest, ListRotationPoliciesResponse__Output>;
  pauseRotationPolicy: Call<GetRotationPolicyRequest, RotationPolicy__Output>;
  resumeRotationPolicy: Call<GetRotationPolicyRequest, RotationPolicy__Output>;
  deleteRotationPolicy: Call<GetRotationPolicyRequest, object>;
  addConsumer: Call<AddConsumerRequest, Consumer__Output>;
  getConsumer: Call<GetConsumerRequest, Consumer__Output>;
  listConsumers: Call<ListConsumersRequest, ListConsumersResponse__Output>;
  setConsumerOrgs: Call<SetConsumerOrgsRequest, Consumer__Output>;
  removeConsumer: Call<GetConsumerRequest, object>;
  getPublicKey: Call<object, PublicKey__Output>;
  /** grpc.health.v1: of the server as a whole where `service` is empty. */
  checkHealth: Call<{ service: string }, { status: string }>;
  close(): void;
}

const DEFAULT_DEADLINE_MS = 10_000;
/** Of a call whose answer is a record of up to 16 MiB, sealed: it may come over a slow link. */
export const RECORD_DEADLINE_MS = 60_000;
/** From the first message on: of a stream of a million ids, and of what the gateway then records. */
const STREAM_DEADLINE_MS = 600_000;
/**
 * A connection that is open, and on which nothing more comes, is given up after 10 s with a call under way,
 * and 5 s after the next call if there was none: without these every later call would take its whole
 * deadline, and a stream never end.
 */
const KEEP_ALIVE = {
  'grpc.keepalive_time_ms': 5000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.max_reconnect_backoff_ms': 2000,
};

export interface ConnectOptions {
  /** Plain text where not given. */
  credentials?: ChannelCredentials;
  /** Laid over those of every channel. */
  channelOptions?: ChannelOptions;
}

const Health = makeClientConstructor(healthService, 'grpc.health.v1.Health');

/** `address` is HOST:PORT. */
export const connectGateway = (
  address: string,
  { credentials = channelCredentials.createInsecure(), channelOptions: given = {} }: ConnectOptions = {},
): GatewayClient => {
  const channelOptions = { ...KEEP_ALIVE, ...channelOptionsFor(address), ...given };
  const { v1 } = loadContract();
  const rotations = new v1.RotationService(address, credentials, channelOptions);
  const assistants = new v1.AssistantService(address, credentials, channelOptions);
  const sweeps = new v1.SweepService(address, credentials, channelOptions);
  const system = new v1.SystemService(address, credentials, channelOptions);
  const bulks = new v1.BulkRotationService(address, credentials, channelOptions);
  const policies = new v1.RotationPolicyService(address, credentials, channelOptions);
  const consumers = new v1.ConsumerService(address, credentials, channelOptions);
  const health = new Health(address, credentials, channelOptions);
  type Method = (
    request: object,
    options: { deadline: Date },
    callback: (error: ServiceError | null, response: unknown) => void,
  ) => { cancel(): void };
  const promised =
    <Request extends object, Response>(
      client: Client,
      name: string,
      byDefaultMs = DEFAULT_DEADLINE_MS,
    ): Call<Request, Response> =>
    (request, { deadlineMs = byDefaultMs, signal } = {}) =>
      new Promise((resolve, reject) => {
        const method = (client as unknown as Record<string, Method>)[name]!;
        let call: { cancel(): void } | undefined;
        const cancel = () => call?.cancel();
        call = method.call(
          client,
          request,
          { deadline: new Date(Date.now() + deadlineMs) },
          (error, response) => {
            signal?.removeEventListener('abort', cancel);
            if (error) reject(error);
            else resolve(response as Response);
          },
        );
        if (signal?.aborted) cancel();
        else signal?.addEventListener('abort', cancel);
      });
  return {
    rotateSecretKey: promised(rotations, 'rotateSecretKey'),
    getRotation: promised(rotations, 'getRotation'),
    listRotations: promised(rotations, 'listRotations'),
    waitRotation: promised(rotations, 'waitRotation'),
    cancelRotation: promised(rotations, 'cancelRotation'),
    getAssistant: promised(assistants, 'getAssistant', RECORD_DEADLINE_MS),
    createSweep: promised(sweeps, 'createSweep'),
    getSweep: promised(sweeps, 'getSweep'),
    listSweeps: promised(sweeps, 'listSweeps'),
    getStatus: promised(system, 'getStatus'),
    freeze: promised(system, 'freeze'),
    unfreeze: promised(system, 'unfreeze'),
    openBudget: promised(system, 'openBudget'),
    adoptLedger: promised(system, 'adoptLedger'),
    createBulkRotation: (requests, { deadlineMs = STREAM_DEADLINE_MS, signal } = {}) =>
      sendAll(
        requests,
        (callback) => bulks.createBulkRotation({ deadline: new Date(Date.now() + deadlineMs) }, callback),
        signal,
      ),
    getBulkRotation: promised(bulks, 'getBulkRotation'),
    listBulkRotations: promised(bulks, 'listBulkRotations'),
    watchBulkRotation: (request, { signal } = {}) =>
      receiveAll(() => bulks.watchBulkRotation(request), signal),
    pauseBulkRotation: promised(bulks, 'pauseBulkRotation'),
    resumeBulkRotation: promised(bulks, 'resumeBulkRotation'),
    cancelBulkRotation: promised(bulks, 'cancelBulkRotation'),
    retryBulkRotation: promised(bulks, 'retryBulkRotation'),
    listBulkRotationItems: promised(bulks, 'listBulkRotationItems'),
    createRotationPolicy: (requests, { deadlineMs = STREAM_DEADLINE_MS, signal } = {}) =>
      sendAll(
        requests,
        (callback) =>
          policies.createRotationPolicy({ deadline: new Date(Date.now() + deadlineMs) }, callback),
        signal,
      ),
    getRotationPolicy: promised(policies, 'getRotationPolicy'),
    listRotationPolicies: promised(policies, 'listRotationPolicies'),
    pauseRotationPolicy: promised(policies, 'pauseRotationPolicy'),
    resumeRotationPolicy: promised(policies, 'resumeRotationPolicy'),
    deleteRotationPolicy: promised(policies, 'deleteRotationPolicy'),
    addConsumer: promised(consumers, 'addConsumer'),
    getConsumer: promised(consumers, 'getConsumer'),
    listConsumers: promised(consumers, 'listConsumers'),
    setConsumerOrgs: promised(consumers, 'setConsumerOrgs'),
    removeConsumer: promised(consumers, 'removeConsumer'),
    getPublicKey: promised(consumers, 'getPublicKey'),
    checkHealth: promised(health, 'check'),
    close: () => {
      for (const client of [rotations, assistants, sweeps, system, bulks, policies, consumers, health])
        client.close();
    },
  };
};
