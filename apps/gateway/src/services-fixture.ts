import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { handleUnaryCall } from '@grpc/grpc-js';
import {
  connectEvents,
  createActivityFeed,
  createConsumerPositions,
  createPolicyQueue,
  createSweepQueue,
  ledgerKeys,
  openLedger,
  type ActivityFeed,
  type ConsumerPositions,
  type Consumers,
  type Ledger,
  type OrgAlias,
  type Policies,
  type PolicyQueue,
  type Processes,
  type Registry,
  type RotationQueue,
  type SweepQueue,
  type Sweeps,
  type Tokens,
} from '@rekey/ledger';
import type { ServiceHandlers } from '@rekey/rpc';
import type { ErrorCode } from '@rekey/schema';
import { specRegistry, startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import type { DeniedCalls } from './activity/denied-calls.ts';
import { OPEN_ACCESS, type Access } from './access/guard-calls.ts';
import { createUploadIds } from './bulks/upload-ids.ts';
import type { BulkWatches } from './bulks/bulk-watches.ts';
import type { Acknowledgements } from './consumers/acknowledgements.ts';
import { createConsumerViews } from './events/consumer-views.ts';
import { createEventHub } from './events/event-hub.ts';
import { createHandlers } from './pipeline/pipeline.ts';
import type { RotationWaiters } from './rotations/rotation-waiters.ts';
import { createRpcTable } from './rpc-table.ts';
import { createReadOrgName } from './wiring/registry.ts';

type CurrentVersion = Awaited<ReturnType<Ledger['assistants']['current']>>;

/** The handlers of every service above a Redis of their own, which is empty at the start of each test. */
interface ServicesFixture {
  readonly redis: Redis;
  readonly ledger: Ledger;
  readonly sweeps: Sweeps;
  readonly policies: Policies;
  readonly consumers: Consumers;
  readonly registry: Registry;
  readonly alias: OrgAlias;
  readonly tokens: Tokens;
  readonly processes: Processes;
  readonly services: ServiceHandlers;
  /** What the ledger holds as the current version of every assistant. */
  current: CurrentVersion;
  /** The reasons of calls that were refused for want of room. */
  refused: ErrorCode[];
  /** What callers may do: everything, unless a test says otherwise. */
  access: Access;
  /** Receives the error of each call that fails. */
  onFailed: DeniedCalls['note'];
}

export const PREFIX = 'spec';

interface Parts {
  redis: Redis;
  ledger: Ledger;
  activityFeed: ActivityFeed;
  sweepQueue: SweepQueue;
  policyQueue: PolicyQueue;
  positions: ConsumerPositions;
  blockingEvents: Redis;
}

const eventsOn = ({ registry, events }: Ledger, blocking: Redis) => {
  const consumerViews = createConsumerViews(registry, events);
  const eventHub = createEventHub({
    views: consumerViews,
    readAfter: events.after,
    follow: () => ({ ...connectEvents(blocking, PREFIX), disconnect: () => blocking.disconnect() }),
    onError: () => {},
  });
  return { consumerViews, eventHub };
};

const servicesOn = (
  { redis, ledger, ...parts }: Parts,
  fixture: Pick<ServicesFixture, 'current' | 'refused' | 'access' | 'onFailed'>,
): ServiceHandlers =>
  createHandlers(
    createRpcTable({
      ...ledger,
      ...parts,
      ...eventsOn(ledger, parts.blockingEvents),
      ledger: { ...ledger, assistants: { ...ledger.assistants, current: async () => fixture.current } },
      queue: { add: async () => {} } as unknown as RotationQueue,
      waiters: {} as RotationWaiters,
      readOrgName: createReadOrgName(ledger, redis),
      acknowledgements: {
        of: async () => [],
        ofBulk: async () => [],
        require: async () => {},
      } as unknown as Acknowledgements,
      bulkWatches: {} as BulkWatches,
      positionsRead: Promise.resolve(),
      publicJwk: undefined,
      remembersRegistry: () => false,
      liveness: { noLiveWorker: async () => false },
      access: fixture.access,
      uploadIds: createUploadIds(1_000_000, () => {}),
      limitedCallers: () => [],
      budgetOf: (egress) =>
        openLedger(redis, { prefix: PREFIX, budget: { egress, requestsPerMinute: 1 } }).budget,
    }),
    {
      readOrgName: createReadOrgName(ledger, redis),
      holdBack: () => undefined,
      confirmDurable: async () => true,
      logger: { event: () => {} },
      onRefused: (code) => fixture.refused.push(code),
      access: fixture.access,
      onFailed: (...failed) => fixture.onFailed(...failed),
    },
  );

const activityFeedOn = (redis: Redis): ActivityFeed =>
  createActivityFeed({ redis, prefix: PREFIX, connect: () => redis.duplicate(), onError: () => {} });

/** Call this once at the top of a spec: it registers the hooks that open and close everything. */
export const useServices = (): ServicesFixture => {
  let server: RedisServer;
  let redis: Redis;
  let ledger: Ledger;
  let sweepQueue: SweepQueue;
  let policyQueue: PolicyQueue;
  let positions: ConsumerPositions;
  let activityFeed: ActivityFeed;
  const keys = ledgerKeys(PREFIX);

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
    sweepQueue = createSweepQueue(redis, keys);
    policyQueue = createPolicyQueue(redis, keys);
    activityFeed = activityFeedOn(redis);
    positions = createConsumerPositions({
      blocking: redis.duplicate(),
      prefix: PREFIX,
      registered: async () => [],
      verify: async () => false,
      onError: () => {},
    });
  });
  afterAll(async () => {
    for (const one of [sweepQueue, policyQueue, positions, activityFeed]) await one.close();
    redis.disconnect();
    await server.dispose();
  });
  beforeEach(async () => {
    await redis.flushall();
    // One that remembered the consumers of the test before would restore them.
    ledger = openLedger(redis, { prefix: PREFIX, registry: specRegistry });
    fixture.refused = [];
    fixture.access = OPEN_ACCESS;
  });

  const fixture: ServicesFixture = {
    get redis() {
      return redis;
    },
    get ledger() {
      return ledger;
    },
    get sweeps() {
      return ledger.sweeps;
    },
    get policies() {
      return ledger.policies;
    },
    get consumers() {
      return ledger.consumers;
    },
    get alias() {
      return ledger.alias;
    },
    get tokens() {
      return ledger.tokens;
    },
    get registry() {
      return ledger.registry;
    },
    get processes() {
      return ledger.processes;
    },
    get services() {
      return servicesOn(
        { redis, ledger, sweepQueue, policyQueue, positions, activityFeed, blockingEvents: redis },
        fixture,
      );
    },
    current: undefined,
    refused: [],
    access: OPEN_ACCESS,
    onFailed: () => {},
  };
  return fixture;
};

/** Calls a handler as grpc-js does. */
export const call = (handler: unknown, request: object): Promise<any> =>
  new Promise((resolve, reject) => {
    const ofCall = { request, on: () => {} } as never;
    (handler as handleUnaryCall<object, unknown>)(ofCall, (error, response) =>
      error ? reject(error) : resolve(response),
    );
  });
