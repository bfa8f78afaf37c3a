import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import {
  contextOf,
  attempt,
  explainTransportErrors,
  limitCalls,
  observeCalls,
  sendPrepared,
  statusOf,
  takeTurns,
  type CallContext,
  type CallObserver,
  type Contract,
  type OnThrown,
  type ServiceHandlers,
} from '@rekey/rpc';
import { HealthImplementation } from 'grpc-health-check';
import { awaitFirstBytes, type Arrivals } from '../limits/connections/await-first-bytes.ts';
import { grantStreams } from '../limits/grant-streams.ts';
import { limitConnections, type OpenConnections } from '../limits/connections/limit-connections.ts';
import type { GatewayLimits } from '../limits/limits.ts';
import { listenOn, type Listener } from '../limits/connections/listen-on.ts';
import { http2ServersOf, takeStreamTurns } from '../limits/take-stream-turns.ts';
import type { AddressConnections } from '../quotas/address-connections.ts';
import { limitHandshakes } from '../tls/limit-handshakes.ts';

/** A request holds a few ids and a reason. */
const MAX_REQUEST_BYTES = 64 * 1024;
/**
 * How often a connection is pinged, and how long its other end may take to answer. A connection that is lost
 * silently, such as that of a dead machine, keeps its streams no longer than both together.
 */
const KEEP_ALIVE_MS = 30_000;
const KEEP_ALIVE_TIMEOUT_MS = 20_000;
/** How long the calls of a connection that is too old may go on: longer than any wait. */
const OLD_CALLS_MAY_TAKE_MS = 600_000;
/** What a connection takes to close once it is destroyed. */
const FORCED_END_MAY_TAKE_MS = 500;

interface ServerOptions {
  limits: GatewayLimits;
  observer?: CallObserver;
  /** Receives the name of each limit that refused or ended a call or a connection. */
  onLimit?: (limit: string) => void;
  /** Receives what a hook or an interceptor has thrown. */
  onThrown?: OnThrown;
  /** Called when no call is open but those that may last, and what was answered has left. */
  onIdle?: () => void;
  /** Bounds the connections of one address. */
  addresses?: AddressConnections | undefined;
  /** Plain text without it. */
  tls?: ServerTls | undefined;
  /**
   * Rejects for a caller that may not see the descriptors of the services. The returned function is called
   * when the stream has ended.
   */
  mayReflect?: (context: CallContext) => Promise<() => void>;
  keepAliveMs?: number;
  keepAliveTimeoutMs?: number;
}

interface ServerTls {
  credentials: ServerCredentials;
  /** An open connection outlives its certificate, and one that was taken away. */
  maxConnectionAgeMs: number;
}

export interface GatewayServer {
  readonly health: HealthImplementation;
  /** The names of the services, as in the contract. */
  readonly services: string[];
  /** The number of open connections, and of calls on them. */
  connections(): number;
  calls(): number;
  /** Resolves with the port that it listens on. */
  listen(address: string): Promise<number>;
  /** Accepts no more calls, and cancels those that have not ended within the time. */
  close(withinMs: number): Promise<void>;
}

/** One of them, or several, is the end of a stream both ways. */
const ENDINGS = ['finish', 'close', 'error', 'cancelled'];

/** Every method of reflection is a stream both ways: each begins once its caller is known. */
const guarding =
  (mayReflect: (context: CallContext) => Promise<() => void>, onThrown: OnThrown) =>
  (implementation: UntypedServiceImplementation): UntypedServiceImplementation =>
    Object.fromEntries(
      Object.entries(implementation).map(([name, handle]) => [
        name,
        (call: ServerDuplexStream<unknown, unknown>) => {
          const context = contextOf(call);
          const begin = async (): Promise<void> => {
            try {
              const release = await mayReflect(context);
              const end = (): void => void attempt(release, onThrown);
              for (const event of ENDINGS) call.once(event, end);
              if (call.cancelled) end();
              (handle as (one: typeof call) => void)(call);
            } catch (error) {
              call.emit('error', statusOf(error, context, onThrown));
            }
          };
          begin().catch(onThrown);
        },
      ]),
    );

const shutDown = (server: Server, ended: Promise<void> | undefined, withinMs: number): Promise<void> =>
  new Promise((resolve) => {
    const deadline = setTimeout(() => {
      server.forceShutdown();
      // It never reports the end of a session that was destroyed before, and is not closed yet.
      setTimeout(resolve, FORCED_END_MAY_TAKE_MS).unref();
    }, withinMs);
    const onEnd = (): void => {
      clearTimeout(deadline);
      resolve();
    };
    void Promise.resolve(ended).then(() => server.tryShutdown(onEnd));
  });

export const createServer = (
  contract: Contract,
  handlers: ServiceHandlers,
  {
    limits,
    observer,
    onLimit: reportLimit = () => {},
    onThrown = () => {},
    onIdle = () => {},
    addresses,
    tls,
    mayReflect = async () => () => {},
    keepAliveMs = KEEP_ALIVE_MS,
    keepAliveTimeoutMs = KEEP_ALIVE_TIMEOUT_MS,
  }: ServerOptions,
): GatewayServer => {
  const onLimit = (limit: string): void => void attempt(() => reportLimit(limit), onThrown);
  const server = new Server({
    interceptors: [
      ...(observer ? [observeCalls(observer, onThrown)] : []),
      limitCalls(limits.calls, { onLimit, onThrown, onIdle }),
      sendPrepared,
      explainTransportErrors(MAX_REQUEST_BYTES),
    ],
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
    'grpc.max_concurrent_streams': Math.min(limits.streams.first, limits.streams.most),
    // It keeps a record of each connection, and nothing serves it.
    'grpc.enable_channelz': 0,
    'grpc.keepalive_time_ms': keepAliveMs,
    'grpc.keepalive_timeout_ms': keepAliveTimeoutMs,
    ...(tls && {
      'grpc.max_connection_age_ms': tls.maxConnectionAgeMs,
      'grpc.max_connection_age_grace_ms': OLD_CALLS_MAY_TAKE_MS,
    }),
  });
  const guardReflection = guarding(mayReflect, onThrown);
  const names = Object.keys(handlers) as (keyof ServiceHandlers)[];
  for (const name of names) server.addService(contract.v1[name].service, handlers[name]);
  const health = new HealthImplementation();
  health.addToServer(server);
  const reflection = new ReflectionService(contract.reflection());
  reflection.addToServer({
    addService: (service: ServiceDefinition, implementation: UntypedServiceImplementation) =>
      server.addService(service, guardReflection(implementation)),
  } as unknown as Server);
  let arrivals: Arrivals | undefined;
  let connections: OpenConnections | undefined;
  let listener: Listener | undefined;

  return {
    health,
    connections: () => (arrivals?.count() ?? 0) + (connections?.count() ?? 0),
    calls: () => connections?.calls() ?? 0,
    services: names.map((name) => `rekey.v1.${name}`),
    listen: async (address) => {
      const injector = server.createConnectionInjector(
        tls?.credentials ?? ServerCredentials.createInsecure(),
      );
      const http2Servers = http2ServersOf(server);
      if (tls) limitHandshakes(http2Servers, limits.handshakes, onLimit);
      const turns = takeTurns(limits.turns.waitingTurns, onThrown);
      takeStreamTurns(http2Servers, turns, limits.turns, onLimit, onThrown);
      const grants = grantStreams(limits.streams, () => turns.waiting() > limits.streams.first);
      connections = limitConnections(http2Servers, limits.connections, grants, onLimit, addresses);
      arrivals = awaitFirstBytes(limits.handshakes, injector.injectConnection, onLimit, onThrown);
      listener = await listenOn(address, arrivals.add);
      return listener.port;
    },
    close: async (withinMs) => {
      listener?.close();
      arrivals?.close();
      await shutDown(server, connections?.ended(), withinMs);
    },
  };
};
