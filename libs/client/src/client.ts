import type { RetryOptions } from './calls/backoff.ts';
import { createCalls } from './calls/calls.ts';
import { checkedMs, createScopes } from './calls/scopes.ts';
import { isLoopback } from './connection/channel.ts';
import { refuseAddress, secure, type TlsOptions } from './connection/credentials.ts';
import { sendToken, type Token } from './connection/token.ts';
import { sendNames, type Tracing } from './connection/tracing.ts';
import { openTransport } from './connection/transport.ts';
import { createAccessMethods, type AccessMethods } from './services/access.ts';
import { createActivityMethods, type ActivityMethods } from './services/activity/activity.ts';
import { createAssistantMethods, type AssistantMethods } from './services/assistants.ts';
import { createBulkRotationMethods, type BulkRotationMethods } from './services/bulk-rotations.ts';
import { createConsumerMethods, type ConsumerMethods } from './services/consumers.ts';
import { createEventMethods, type EventMethods } from './services/events/events.ts';
import { createHealthMethods, type HealthMethods } from './services/health.ts';
import { createPolicyMethods, type PolicyMethods } from './services/policies.ts';
import { createRotationMethods, type RotationMethods } from './services/rotations.ts';
import { createSweepMethods, type SweepMethods } from './services/sweeps.ts';
import { createSystemMethods, type SystemMethods } from './services/system.ts';

const CALL_DEADLINE_MS = 10_000;
const KEEP_ALIVE = { intervalMs: 20_000, timeoutMs: 10_000 };

export interface KeepAliveOptions {
  /** Ping after this time without data, while a call is open. Default: 20 s. */
  intervalMs?: number;
  /** Close the connection if the gateway does not answer a ping in this time. Default: 10 s. */
  timeoutMs?: number;
}

export interface RekeyClientOptions {
  /** `HOST:PORT` of the gateway, or of the proxy before it. */
  address: string;
  /**
   * `true`: TLS with the certificate authorities that Node trusts. Options: TLS with these. `false`: plain
   * text. Default: plain text to loopback addresses, TLS to all others.
   */
  tls?: boolean | TlsOptions;
  /**
   * Says who calls: a token of an issuer that the gateway knows, the path of its file, or a function. It is
   * sent with each call, never over plain text to another machine.
   */
  token?: Token;
  /**
   * Names each call: the gateway writes `callId` and the trace id to its log, and to the records of activity
   * of what the call changes.
   */
  tracing?: Tracing;
  /**
   * Default limit of a call including all retries. If not given: 10 s, and 60 s for getAssistant, whose
   * record may be long. Streams of ids always have 10 min.
   */
  deadlineMs?: number;
  /** The pauses between tries. `false`: no call is retried; waiting and watching still reconnect. */
  retry?: RetryOptions | false;
  /** How fast the client detects a lost gateway whose connection stays open. */
  keepAlive?: KeepAliveOptions;
}

/**
 * Rekey's gateway, typed. Methods with the contract's names do what proto/rekey/v1 says, in the shapes of
 * `models/`; the others build on them. They reject with a RekeyClientError only, except for errors that the
 * caller's own iterable of ids throws, and a TypeError for invalid options.
 *
 * If the gateway is unavailable or responds with a retryable error, the client retries these calls until the
 * deadline: all reads; the three methods with a request id (rotateSecretKey, createBulkRotation,
 * createRotationPolicy), with the same id in all tries; setConsumerOrgs; and addConsumer with a public key.
 * It retries no other call.
 */
export interface RekeyClient
  extends
    RotationMethods,
    AssistantMethods,
    BulkRotationMethods,
    PolicyMethods,
    ConsumerMethods,
    SweepMethods,
    SystemMethods,
    AccessMethods,
    ActivityMethods,
    EventMethods,
    HealthMethods {
  /** Ends open calls with CLIENT_CLOSED, and the connections. Safe to repeat. Accepted work continues. */
  close(): void;
}

/** Connects at the first call. Throws a TypeError for invalid options and unreadable files of `tls`. */
export const createRekeyClient = ({
  address,
  tls,
  token,
  tracing,
  deadlineMs: givenMs,
  retry = {},
  keepAlive,
}: RekeyClientOptions): RekeyClient => {
  if (!address) throw new TypeError('address must be HOST:PORT');
  const deadlineMs = checkedMs('deadlineMs', givenMs ?? CALL_DEADLINE_MS);
  refuseAddress(address);
  const { credentials, channelOptions } = secure(address, tls);
  if (token !== undefined && tls === false && !isLoopback(address))
    throw new TypeError('token needs TLS, except to a loopback address');
  const { intervalMs, timeoutMs } = { ...KEEP_ALIVE, ...keepAlive };
  const transport = openTransport(address, {
    credentials,
    interceptors: [
      ...(tracing === undefined ? [] : [sendNames(tracing)]),
      ...(token === undefined ? [] : [sendToken(token)]),
    ],
    channelOptions: {
      'grpc.keepalive_time_ms': checkedMs('keepAlive.intervalMs', intervalMs),
      'grpc.keepalive_timeout_ms': checkedMs('keepAlive.timeoutMs', timeoutMs),
      'grpc.initial_reconnect_backoff_ms': 250,
      'grpc.max_reconnect_backoff_ms': 2000,
      ...channelOptions,
    },
  });
  const scopes = createScopes();
  const calls = createCalls({ scopes, retry, deadlineMs });
  const deps = { transport, calls, scopes, backoff: retry || {}, deadlineMs: givenMs };
  return {
    ...createRotationMethods(deps),
    ...createAssistantMethods(deps),
    ...createBulkRotationMethods(deps),
    ...createPolicyMethods(deps),
    ...createConsumerMethods(deps),
    ...createSweepMethods(deps),
    ...createSystemMethods(deps),
    ...createAccessMethods(deps),
    ...createActivityMethods(deps),
    ...createEventMethods(deps),
    ...createHealthMethods(deps),
    close: () => {
      scopes.close();
      transport.close();
    },
  };
};
