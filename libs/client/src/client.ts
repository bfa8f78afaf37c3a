import { randomUUID } from 'node:crypto';
import { RECORD_DEADLINE_MS, connectGateway, type GatewayClient } from '@rekey/rpc';
import type { RetryOptions } from './backoff.ts';
import { watchBulk } from './bulk-watch.ts';
import { createCalls, type CallOptions } from './calls.ts';
import { refuseAddress, secure, type TlsOptions } from './credentials.ts';
import { canRepeat, checkIds, messagesOf, type Ids } from './id-messages.ts';
import {
  toAssistant,
  toBulkItem,
  toBulkRotation,
  toConsumer,
  toDuration,
  toPolicy,
  toRotation,
  toStatus,
  toSweep,
  toTimestamp,
} from './mapping.ts';
import type {
  Assistant,
  BulkItem,
  BulkItemsPage,
  BulkRotation,
  BulkRotationsPage,
  Consumer,
  Rotation,
  RotationPolicy,
  RotationsPage,
  Sweep,
  SystemStatus,
} from './models.ts';
import { untilReady } from './readiness.ts';
import type {
  AddConsumerRequest,
  BulkFilter,
  BulkItemsRequest,
  CreateBulkRotationRequest,
  CreateRotationPolicyRequest,
  Page,
  RotateSecretKeyRequest,
  RotationFilter,
  SetConsumerOrgsRequest,
  WaitRotationRequest,
} from './requests.ts';
import { checkAcknowledgedBy, untilSucceeded, type AcknowledgedBy } from './rotation-end.ts';
import { checkedMs, createScopes } from './scopes.ts';

const CALL_DEADLINE_MS = 10_000;
/**
 * Of a stream of ids: a million of them take some ten seconds, and what the gateway then records a few more.
 */
const STREAM_DEADLINE_MS = 600_000;
const WAIT_MS = 30_000;
/** How much longer than its wait a WaitRotation may take. */
const ANSWER_WITHIN_MS = 5000;
/** Over an unknown outcome that is read back: landing window and a second request. */
const ROTATE_AND_WAIT_MS = 180_000;
const PATIENCE_MS = 30_000;
const READY_MS = 30_000;
/** The largest pages that the gateway gives. */
const PAGE = { rotations: 500, bulkRotations: 100, items: 1000, policies: 500, consumers: 100, sweeps: 100 };

/**
 * A gateway that is gone is noticed within half a minute, also where nobody closes the connection; one that
 * comes back within two seconds.
 */
const CHANNEL = {
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 250,
  'grpc.max_reconnect_backoff_ms': 2000,
};

export interface RekeyClientOptions {
  /** `HOST:PORT` of the gateway, or of the proxy before it. */
  address: string;
  /**
   * `true`: TLS with the certificate authorities that Node trusts; or with the options given. `false`: plain
   * text.
   * Where not given: plain text to loopback addresses, TLS to all others.
   */
  tls?: boolean | TlsOptions;
  /**
   * How long a call may take, all its tries together, where it says nothing else: 10 s, and 60 s for
   * getAssistant, whose record may be long. Streams of ids always have 10 min.
   */
  deadlineMs?: number;
  /**
   * The pauses between tries; `false`: no call is tried again. Waiting and watching go on over absences all
   * the same.
   */
  retry?: RetryOptions | false;
}

export interface TimeoutOptions {
  /** How long to wait, in ms. It is no deadline of what was asked for: that goes on. */
  timeoutMs?: number;
  /** Ends the waiting: it rejects with ABORTED. What was asked for goes on. */
  signal?: AbortSignal;
}

export interface WaitOptions extends TimeoutOptions {
  /**
   * Wait also until consumers have applied the new version: `'all'` that may read the org and are live (those
   * that are gone hold up nobody, and stand in the answer), or those that are named, be they live or not.
   * Where not given: for none.
   */
  acknowledgedBy?: AcknowledgedBy;
}

export interface WatchOptions {
  /** End also when it is PAUSED or HALTED. */
  untilStopped?: boolean;
  /** For how long the gateway may be away, in ms: 30 s. */
  patienceMs?: number;
  /** Ends the watching: the loop throws ABORTED. Leaving the loop ends it too, without an error. */
  signal?: AbortSignal;
}

/**
 * Rekey's gateway, typed. Methods named as in the contract answer as there (proto/rekey/v1), in the shapes of
 * `models.ts`; what else there is builds on them. They reject with a RekeyClientError, and with nothing else
 * but what a caller's own iterable of ids throws, and a TypeError for options that cannot be meant.
 *
 * Tried again until their deadline, where the gateway is away or says that it cannot answer just now: all
 * that read, the three that carry a request_id (rotateSecretKey, createBulkRotation, createRotationPolicy),
 * which is one and the same over all tries, setConsumerOrgs, and addConsumer with a public key. Nothing else
 * is.
 */
export interface RekeyClient {
  /**
   * Asks for a new secret key and waits until it is in force: 180 s where nothing else is said, over restarts
   * of the gateway. Resolves with the rotation when it has SUCCEEDED.
   *
   * Rejects, with `rotation` set: with the reason of the error table where it FAILED, ROTATION_CANCELLED,
   * ROTATION_NOT_ENDED when the time is up (it goes on: `waitUntilSucceeded(error.rotation.id)`). With
   * `acknowledgedBy` also ROTATION_NOT_ACKNOWLEDGED when the time is up after it has SUCCEEDED
   * (`error.rotation.consumers` says who is missing), CONSUMER_NOT_FOUND, CONSUMER_MAY_NOT_READ and
   * CONSUMERS_MISSING: the key is replaced then. Without `rotation` it is not known to have been recorded:
   * ask again with `error.requestId`.
   */
  rotateAndWait(request: RotateSecretKeyRequest, options?: WaitOptions): Promise<Rotation>;
  /** The second half of rotateAndWait. Safe to repeat. */
  waitUntilSucceeded(rotationId: string, options?: WaitOptions): Promise<Rotation>;

  /**
   * Answers when it is recorded, long before the key is replaced. INVALID_ARGUMENT, REQUEST_ID_REUSED,
   * REQUEST_ID_SPENT, REDIS_MEMORY_LOW.
   */
  rotateSecretKey(request: RotateSecretKeyRequest, options?: CallOptions): Promise<Rotation>;
  /** ROTATION_NOT_FOUND where there is none, or where it ended too long ago. */
  getRotation(id: string, options?: CallOptions): Promise<Rotation>;
  /** One page. */
  listRotations(request?: RotationFilter & Page, options?: CallOptions): Promise<RotationsPage>;
  /** All of them, newest first, a page at a time. */
  rotations(filter?: RotationFilter, options?: CallOptions): AsyncIterable<Rotation>;
  /**
   * One WaitRotation: the rotation as it is when it has ended (or, with `until`, been acknowledged) or the
   * time is up, which is no error. Its deadline follows from its timeoutMs.
   */
  waitRotation(request: WaitRotationRequest, options?: CallOptions): Promise<Rotation>;
  /** ROTATION_NOT_CANCELLABLE once its request may have left. Safe to repeat; not tried again. */
  cancelRotation(id: string, options?: CallOptions): Promise<Rotation>;

  /**
   * ASSISTANT_NOT_KNOWN where Rekey has never published a key of it. Has 60 s, for a record may be 16 MiB
   * long, unless the client or the call has a `deadlineMs`.
   */
  getAssistant(assistantId: string, options?: CallOptions): Promise<Assistant>;

  /**
   * Streams the ids in messages of at most 64 KiB, and reads on from `assistantIds` only as fast as the
   * gateway takes them. Where the gateway goes away in the middle, all of it is sent again with the same
   * request_id, if the ids can be read again (see `Ids`). Nothing is begun before all of it has arrived.
   * INVALID_ARGUMENT, REQUEST_ID_REUSED, CONSUMERS_MISSING; what the iterable throws is thrown.
   */
  createBulkRotation(request: CreateBulkRotationRequest, options?: CallOptions): Promise<BulkRotation>;
  /** BULK_NOT_FOUND where there is none, or where it ended too long ago; so do all that take its id. */
  getBulkRotation(id: string, options?: CallOptions): Promise<BulkRotation>;
  /** One page. */
  listBulkRotations(request?: BulkFilter & Page, options?: CallOptions): Promise<BulkRotationsPage>;
  /** All of them, newest first, a page at a time. */
  bulkRotations(filter?: BulkFilter, options?: CallOptions): AsyncIterable<BulkRotation>;
  /**
   * A bulk rotation as it is now, and whenever it has changed, at most once a second, until it has ended;
   * over lost connections.
   */
  watchBulkRotation(id: string, options?: WatchOptions): AsyncIterable<BulkRotation>;
  /** BULK_STATE where nothing is left to begin. Safe to repeat; not tried again. So are the next two. */
  pauseBulkRotation(id: string, options?: CallOptions): Promise<BulkRotation>;
  resumeBulkRotation(id: string, options?: CallOptions): Promise<BulkRotation>;
  cancelBulkRotation(id: string, options?: CallOptions): Promise<BulkRotation>;
  /**
   * Tries those again that FAILED, of one that is COMPLETED; else BULK_STATE, also where an earlier try has
   * reached it.
   */
  retryBulkRotation(id: string, options?: CallOptions): Promise<BulkRotation>;
  /** One page. */
  listBulkRotationItems(request: BulkItemsRequest, options?: CallOptions): Promise<BulkItemsPage>;
  /** Every assistant of a bulk rotation, or those in a state, a page at a time. */
  bulkItems(
    id: string,
    filter?: Omit<BulkItemsRequest, 'id' | keyof Page>,
    options?: CallOptions,
  ): AsyncIterable<BulkItem>;

  /** As createBulkRotation. REQUEST_ID_SPENT, TOO_MANY_POLICIES. */
  createRotationPolicy(request: CreateRotationPolicyRequest, options?: CallOptions): Promise<RotationPolicy>;
  /** POLICY_NOT_FOUND; so do all that take its id. */
  getRotationPolicy(id: string, options?: CallOptions): Promise<RotationPolicy>;
  /** All of them, newest first: 1000 at most. Asks for one page after the other; each has the deadline. */
  listRotationPolicies(filter?: { orgId?: string }, options?: CallOptions): Promise<RotationPolicy[]>;
  /** Safe to repeat; not tried again. So is the next one. */
  pauseRotationPolicy(id: string, options?: CallOptions): Promise<RotationPolicy>;
  resumeRotationPolicy(id: string, options?: CallOptions): Promise<RotationPolicy>;
  /** Repeated, it rejects with POLICY_NOT_FOUND. */
  deleteRotationPolicy(id: string, options?: CallOptions): Promise<void>;

  /**
   * Safe to repeat with the same public key, and then tried again; a sealed shared key cannot be told from
   * another one, and is sent once.
   * CONSUMER_EXISTS, TOO_MANY_CONSUMERS.
   */
  addConsumer(request: AddConsumerRequest, options?: CallOptions): Promise<Consumer>;
  /** A consumer, and how far its instances have come. CONSUMER_NOT_FOUND; so do all that take its name. */
  getConsumer(name: string, options?: CallOptions): Promise<Consumer>;
  /** All of them, by name: 100 at most. Asks for one page after the other; each has the deadline. */
  listConsumers(options?: CallOptions): Promise<Consumer[]>;
  /** What it may read no more is taken off it. Safe to repeat, and tried again. */
  setConsumerOrgs(request: SetConsumerOrgsRequest, options?: CallOptions): Promise<Consumer>;
  /**
   * It keeps the keys that it holds: rotate those that it must not know. Repeated, it rejects with
   * CONSUMER_NOT_FOUND.
   */
  removeConsumer(name: string, options?: CallOptions): Promise<void>;
  /**
   * Rekey's public key, by which consumers know what to believe: a JWK (OKP Ed25519) as JSON. NO_WORKER_YET.
   */
  getPublicKey(options?: CallOptions): Promise<{ jwk: string }>;

  /**
   * Of one org, or of all. Answers before it begins; one that is still QUEUED for the same is answered again.
   * Not tried again. `acceptRemovals` of a held org (`SystemStatus.heldOrgs`): publishes what Invent shows of
   * it now, however much that changes; rejects with ORG_NOT_HELD if it is not held.
   */
  createSweep(request?: { orgId?: string; acceptRemovals?: boolean }, options?: CallOptions): Promise<Sweep>;
  /** SWEEP_NOT_FOUND. */
  getSweep(id: string, options?: CallOptions): Promise<Sweep>;
  /** The newest: 20 where not said, 100 at the most. */
  listSweeps(request?: { pageSize?: number }, options?: CallOptions): Promise<Sweep[]>;
  /** All that are kept, newest first, a page at a time. */
  sweeps(options?: CallOptions): AsyncIterable<Sweep>;

  getStatus(options?: CallOptions): Promise<SystemStatus>;
  /** Stops all rotations. Safe to repeat; not tried again. So is the next one. */
  freeze(request: { reason: string }, options?: CallOptions): Promise<SystemStatus>;
  unfreeze(options?: CallOptions): Promise<SystemStatus>;

  /**
   * grpc.health.v1: `SERVING`, or `NOT_SERVING` if the gateway runs, and its Redis is away or takes no
   * writes. Not tried again.
   */
  health(options?: CallOptions): Promise<string>;
  /**
   * Resolves when the gateway serves: at once, or within 30 s where nothing else is said. Rejects with
   * GATEWAY_UNAVAILABLE.
   */
  ready(options?: TimeoutOptions): Promise<void>;
  /**
   * Ends what is under way with CLIENT_CLOSED, and the connections. Safe to repeat. What was asked for goes
   * on.
   */
  close(): void;
}

/**
 * Connects at the first call. Throws a TypeError where the options cannot be meant, and what reading the
 * files of `tls` throws.
 */
export const createRekeyClient = ({
  address,
  tls,
  deadlineMs: givenMs,
  retry = {},
}: RekeyClientOptions): RekeyClient => {
  if (!address) throw new TypeError('address must be HOST:PORT');
  const deadlineMs = checkedMs('deadlineMs', givenMs ?? CALL_DEADLINE_MS);
  refuseAddress(address);
  const { credentials, channelOptions } = secure(address, tls);
  const gateway = connectGateway(address, { credentials, channelOptions: { ...CHANNEL, ...channelOptions } });
  const scopes = createScopes();
  const calls = createCalls({ scopes, retry, deadlineMs });
  const backoff = retry || {};

  type Unary = {
    [Name in keyof GatewayClient]: GatewayClient[Name] extends (
      request: never,
      options?: CallOptions,
    ) => Promise<unknown>
      ? Name
      : never;
  }[keyof GatewayClient];
  type RequestOf<Name extends Unary> = Parameters<GatewayClient[Name]>[0];
  type AnswerOf<Name extends Unary> = Awaited<ReturnType<GatewayClient[Name]>>;
  const ask = async <Name extends Unary, T>(
    name: Name,
    request: RequestOf<Name>,
    to: (answer: AnswerOf<Name>) => T,
    options: Parameters<typeof calls.run>[1],
  ): Promise<T> => {
    const method = gateway[name] as (
      request: RequestOf<Name>,
      options: CallOptions,
    ) => Promise<AnswerOf<Name>>;
    return to(await calls.run((attempt) => method(request, attempt), options));
  };
  const reading = <Name extends Unary, T>(
    name: Name,
    request: RequestOf<Name>,
    to: (answer: AnswerOf<Name>) => T,
    options: CallOptions = {},
  ) => ask(name, request, to, { ...options, repeatable: true, reads: true });
  const changing = <Name extends Unary, T>(
    name: Name,
    request: RequestOf<Name>,
    to: (answer: AnswerOf<Name>) => T,
    options: CallOptions = {},
  ) => ask(name, request, to, { ...options, repeatable: false });

  /** Sends a stream of ids, all of it again where it can be read again. */
  const streaming = async <Message extends object, Answer, T>(
    method: (
      messages: AsyncIterable<Message>,
      options: { deadlineMs: number; signal: AbortSignal },
    ) => Promise<Answer>,
    spec: Message & { requestId: string },
    ids: { [Field in keyof Message]?: Ids | undefined },
    to: (answer: Answer) => T,
    options: CallOptions = {},
  ): Promise<T> => {
    const given = Object.entries(ids) as [string, Ids | undefined][];
    for (const [name, some] of given) checkIds(name, some);
    const repeatable = given.every(([, some]) => some === undefined || canRepeat(some));
    return to(
      await calls.run((attempt) => method(messagesOf<Message>(spec, ids), attempt), {
        deadlineMs: STREAM_DEADLINE_MS,
        ...options,
        repeatable,
        requestId: spec.requestId,
      }),
    );
  };

  /** All pages of a list, one after the other. */
  async function* pagesOf<T>(
    page: (token: string) => Promise<{ some: T[]; next: string | undefined }>,
  ): AsyncGenerator<T> {
    let token: string | undefined = '';
    while (token !== undefined) {
      const { some, next }: { some: T[]; next: string | undefined } = await page(token);
      yield* some;
      token = next;
    }
  }
  const allOf = async <T>(
    page: (token: string) => Promise<{ some: T[]; next: string | undefined }>,
  ): Promise<T[]> => {
    const all: T[] = [];
    for await (const one of pagesOf(page)) all.push(one);
    return all;
  };
  const withToken = <T extends object>(
    page: T,
    { nextPageToken }: { nextPageToken: string },
  ): T & { nextPageToken?: string } => ({ ...page, ...(nextPageToken && { nextPageToken }) });

  const waitUntilSucceeded = async (
    id: string,
    last: Rotation | undefined,
    { timeoutMs, signal, acknowledgedBy }: WaitOptions & { timeoutMs: number },
  ): Promise<Rotation> => {
    const scope = scopes.open({ signal });
    try {
      return await untilSucceeded({ gateway, scope, backoff }, id, {
        ...(last && { last }),
        acknowledgedBy,
        timeoutMs,
      });
    } finally {
      scope.end();
    }
  };

  const client: RekeyClient = {
    rotateAndWait: async (request, { timeoutMs = ROTATE_AND_WAIT_MS, ...options } = {}) => {
      checkAcknowledgedBy(options.acknowledgedBy);
      const wholeMs = checkedMs('timeoutMs', timeoutMs);
      const endsAtMs = performance.now() + wholeMs;
      const rotation = await client.rotateSecretKey(request, {
        deadlineMs: wholeMs,
        ...(options.signal && { signal: options.signal }),
      });
      return waitUntilSucceeded(rotation.id, rotation, {
        ...options,
        timeoutMs: endsAtMs - performance.now(),
      });
    },
    waitUntilSucceeded: async (id, { timeoutMs = ROTATE_AND_WAIT_MS, ...options } = {}) => {
      checkAcknowledgedBy(options.acknowledgedBy);
      return waitUntilSucceeded(id, undefined, { ...options, timeoutMs: checkedMs('timeoutMs', timeoutMs) });
    },

    rotateSecretKey: async (request, options) => {
      const requestId = request.requestId || randomUUID();
      return ask('rotateSecretKey', { ...request, requestId }, toRotation, {
        ...options,
        repeatable: true,
        requestId,
      });
    },
    getRotation: async (id, options) => reading('getRotation', { id }, toRotation, options),
    listRotations: async (request = {}, options) =>
      reading(
        'listRotations',
        request,
        (answer): RotationsPage => withToken({ rotations: answer.rotations.map(toRotation) }, answer),
        options,
      ),
    rotations: (filter = {}, options) =>
      pagesOf(async (pageToken) => {
        const { rotations, nextPageToken } = await client.listRotations(
          { ...filter, pageSize: PAGE.rotations, pageToken },
          options,
        );
        return { some: rotations, next: nextPageToken };
      }),
    waitRotation: async (
      { timeoutMs = WAIT_MS, ...request },
      { deadlineMs: callDeadlineMs, ...options } = {},
    ) =>
      reading('waitRotation', { ...request, timeout: toDuration(timeoutMs) }, toRotation, {
        ...options,
        deadlineMs: callDeadlineMs ?? timeoutMs + ANSWER_WITHIN_MS,
      }),
    cancelRotation: async (id, options) => changing('cancelRotation', { id }, toRotation, options),

    getAssistant: async (assistantId, options) =>
      reading('getAssistant', { assistantId }, toAssistant, {
        deadlineMs: givenMs ?? RECORD_DEADLINE_MS,
        ...options,
      }),

    createBulkRotation: async (
      { assistantIds, excludeAssistantIds, rotatedBefore, requestId = '', ...request },
      options,
    ) =>
      streaming(
        gateway.createBulkRotation,
        {
          ...request,
          requestId: requestId || randomUUID(),
          ...(rotatedBefore && { rotatedBefore: toTimestamp(rotatedBefore) }),
        },
        { assistantIds, excludeAssistantIds },
        toBulkRotation,
        options,
      ),
    getBulkRotation: async (id, options) => reading('getBulkRotation', { id }, toBulkRotation, options),
    listBulkRotations: async (request = {}, options) =>
      reading(
        'listBulkRotations',
        request,
        (answer): BulkRotationsPage =>
          withToken({ bulkRotations: answer.bulkRotations.map(toBulkRotation) }, answer),
        options,
      ),
    bulkRotations: (filter = {}, options) =>
      pagesOf(async (pageToken) => {
        const { bulkRotations, nextPageToken } = await client.listBulkRotations(
          { ...filter, pageSize: PAGE.bulkRotations, pageToken },
          options,
        );
        return { some: bulkRotations, next: nextPageToken };
      }),
    watchBulkRotation: async function* (id, { untilStopped = false, patienceMs = PATIENCE_MS, signal } = {}) {
      const scope = scopes.open({ signal });
      try {
        yield* watchBulk({ gateway, scope, backoff }, id, { untilStopped, patienceMs });
      } finally {
        scope.end();
      }
    },
    pauseBulkRotation: async (id, options) => changing('pauseBulkRotation', { id }, toBulkRotation, options),
    resumeBulkRotation: async (id, options) =>
      changing('resumeBulkRotation', { id }, toBulkRotation, options),
    cancelBulkRotation: async (id, options) =>
      changing('cancelBulkRotation', { id }, toBulkRotation, options),
    retryBulkRotation: async (id, options) => changing('retryBulkRotation', { id }, toBulkRotation, options),
    listBulkRotationItems: async (request, options) =>
      ask(
        'listBulkRotationItems',
        request,
        (answer): BulkItemsPage => withToken({ items: answer.items.map(toBulkItem) }, answer),
        { ...options, repeatable: true, reads: true, bulkRotationId: request.id },
      ),
    bulkItems: (id, filter = {}, options) =>
      pagesOf(async (pageToken) => {
        const { items, nextPageToken } = await client.listBulkRotationItems(
          { ...filter, id, pageSize: PAGE.items, pageToken },
          options,
        );
        return { some: items, next: nextPageToken };
      }),

    createRotationPolicy: async ({ assistantIds, window, requestId = '', ...request }, options) => {
      const { lengthMs, ...rest } = window ?? {};
      return streaming(
        gateway.createRotationPolicy,
        {
          ...request,
          requestId: requestId || randomUUID(),
          ...(window && {
            window: { ...rest, ...(lengthMs !== undefined && { length: toDuration(lengthMs) }) },
          }),
        },
        { assistantIds },
        toPolicy,
        options,
      );
    },
    getRotationPolicy: async (id, options) => reading('getRotationPolicy', { id }, toPolicy, options),
    listRotationPolicies: async (filter = {}, options) =>
      allOf((pageToken) =>
        reading(
          'listRotationPolicies',
          { ...filter, pageSize: PAGE.policies, pageToken },
          (answer) => ({
            some: answer.rotationPolicies.map(toPolicy),
            next: answer.nextPageToken || undefined,
          }),
          options,
        ),
      ),
    pauseRotationPolicy: async (id, options) => changing('pauseRotationPolicy', { id }, toPolicy, options),
    resumeRotationPolicy: async (id, options) => changing('resumeRotationPolicy', { id }, toPolicy, options),
    deleteRotationPolicy: async (id, options) => changing('deleteRotationPolicy', { id }, () => {}, options),

    addConsumer: async (request, options) =>
      ask('addConsumer', request, toConsumer, {
        ...options,
        repeatable: request.sealedSharedJwk === undefined,
      }),
    getConsumer: async (name, options) => reading('getConsumer', { name }, toConsumer, options),
    listConsumers: async (options) =>
      allOf((pageToken) =>
        reading(
          'listConsumers',
          { pageSize: PAGE.consumers, pageToken },
          (answer) => ({ some: answer.consumers.map(toConsumer), next: answer.nextPageToken || undefined }),
          options,
        ),
      ),
    setConsumerOrgs: async (request, options) =>
      ask('setConsumerOrgs', request, toConsumer, { ...options, repeatable: true }),
    removeConsumer: async (name, options) => changing('removeConsumer', { name }, () => {}, options),
    getPublicKey: async (options) => reading('getPublicKey', {}, ({ jwk }) => ({ jwk }), options),

    createSweep: async (request = {}, options) => changing('createSweep', request, toSweep, options),
    getSweep: async (id, options) => reading('getSweep', { id }, toSweep, options),
    listSweeps: async (request = {}, options) =>
      reading('listSweeps', request, ({ sweeps }) => sweeps.map(toSweep), options),
    sweeps: (options) =>
      pagesOf((pageToken) =>
        reading(
          'listSweeps',
          { pageSize: PAGE.sweeps, pageToken },
          (answer) => ({ some: answer.sweeps.map(toSweep), next: answer.nextPageToken || undefined }),
          options,
        ),
      ),

    getStatus: async (options) => reading('getStatus', {}, toStatus, options),
    freeze: async (request, options) => changing('freeze', request, toStatus, options),
    unfreeze: async (options) => changing('unfreeze', {}, toStatus, options),

    health: async (options) =>
      ask('checkHealth', { service: '' }, ({ status }) => status, {
        ...options,
        repeatable: false,
        reads: true,
      }),
    ready: async ({ timeoutMs = READY_MS, signal } = {}) => {
      const wholeMs = checkedMs('timeoutMs', timeoutMs);
      const scope = scopes.open({ signal });
      try {
        await untilReady({ health: client.health, scope, backoff }, wholeMs);
      } finally {
        scope.end();
      }
    },
    close: () => {
      scopes.close();
      gateway.close();
    },
  };
  return client;
};
