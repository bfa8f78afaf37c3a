import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { handleUnaryCall } from '@grpc/grpc-js';
import {
  createConsumerPositions,
  createConsumers,
  createLedger,
  createPolicies,
  createPolicyQueue,
  createRequestBudget,
  createSweepQueue,
  createSweeps,
  createSystem,
  ledgerKeys,
  readOrgName,
  type Bulks,
  type ConsumerPositions,
  type Consumers,
  type Ledger,
  type Policies,
  type PolicyQueue,
  type RotationQueue,
  type SweepQueue,
  type Sweeps,
} from '@rekey/ledger';
import type { ServiceHandlers } from '@rekey/rpc';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import type { BulkWatches } from './bulks/bulk-watches.ts';
import type { Acknowledgements } from './consumers/acknowledgements.ts';
import { createHandlers } from './pipeline/pipeline.ts';
import type { RotationWaiters } from './rotations/rotation-waiters.ts';
import { createRpcTable } from './rpc-table.ts';

type CurrentVersion = Awaited<ReturnType<Ledger['current']>>;

/** The handlers of every service above a Redis of their own, which is empty at the start of each test. */
interface ServicesFixture {
  readonly redis: Redis;
  readonly sweeps: Sweeps;
  readonly policies: Policies;
  readonly consumers: Consumers;
  readonly services: ServiceHandlers;
  /** What the ledger holds as the current version of every assistant. */
  current: CurrentVersion;
}

export const PREFIX = 'spec';

interface Parts {
  redis: Redis;
  sweeps: Sweeps;
  sweepQueue: SweepQueue;
  policies: Policies;
  policyQueue: PolicyQueue;
  consumers: Consumers;
  positions: ConsumerPositions;
}

const servicesOn = ({ redis, ...parts }: Parts, fixture: Pick<ServicesFixture, 'current'>): ServiceHandlers =>
  createHandlers(
    createRpcTable({
      ...parts,
      ledger: {
        current: async () => fixture.current,
        acceptHeld: createLedger({ redis, prefix: PREFIX }).acceptHeld,
      } as unknown as Ledger,
      queue: {} as RotationQueue,
      waiters: {} as RotationWaiters,
      acknowledgements: {} as Acknowledgements,
      bulks: {} as Bulks,
      bulkWatches: {} as BulkWatches,
      liveness: { noLiveWorker: async () => false },
      budgetOf: (egress) => createRequestBudget({ redis, prefix: PREFIX, egress, requestsPerMinute: 1 }),
      system: createSystem({ redis, prefix: PREFIX }),
    }),
    {
      readOrgName: () => readOrgName(redis, ledgerKeys(PREFIX)),
      holdBack: () => undefined,
      confirmDurable: async () => true,
      logger: { event: () => {} },
    },
  );

/** Call this once at the top of a spec: it registers the hooks that open and close everything. */
export const useServices = (): ServicesFixture => {
  let server: RedisServer;
  let redis: Redis;
  let sweeps: Sweeps;
  let sweepQueue: SweepQueue;
  let policies: Policies;
  let policyQueue: PolicyQueue;
  let consumers: Consumers;
  let positions: ConsumerPositions;
  const keys = ledgerKeys(PREFIX);

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
    sweeps = createSweeps({ redis, prefix: PREFIX });
    sweepQueue = createSweepQueue(redis, keys);
    policies = createPolicies({ redis, prefix: PREFIX });
    policyQueue = createPolicyQueue(redis, keys);
    consumers = createConsumers({ redis, prefix: PREFIX });
    positions = createConsumerPositions({ blocking: redis.duplicate(), prefix: PREFIX, onError: () => {} });
  });
  afterAll(async () => {
    await sweepQueue.close();
    await policyQueue.close();
    await positions.close();
    redis.disconnect();
    await server.dispose();
  });
  beforeEach(async () => {
    await redis.flushall();
  });

  const fixture: ServicesFixture = {
    get redis() {
      return redis;
    },
    get sweeps() {
      return sweeps;
    },
    get policies() {
      return policies;
    },
    get consumers() {
      return consumers;
    },
    get services() {
      return servicesOn({ redis, sweeps, sweepQueue, policies, policyQueue, consumers, positions }, fixture);
    },
    current: undefined,
  };
  return fixture;
};

/** Calls a handler as grpc-js does. */
export const call = (handler: unknown, request: object): Promise<any> =>
  new Promise((resolve, reject) => {
    (handler as handleUnaryCall<object, unknown>)({ request } as never, (error, response) =>
      error ? reject(error) : resolve(response),
    );
  });
