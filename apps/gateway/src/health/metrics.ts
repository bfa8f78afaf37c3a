import { status } from '@grpc/grpc-js';
import type { CallObserver, Contract } from '@rekey/rpc';
import { isRedisUnavailable } from '@rekey/runtime';
import type { ErrorCode } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { callerLimitNames } from '../quotas/caller-quotas.ts';
import type { CertificateState } from '../tls/follow-certificates.ts';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

interface Metrics extends CallObserver {
  /** Counts a call that was refused for a reason of the error table. */
  onWorkRefused(reason: ErrorCode): void;
  /** Counts a call or a connection that a limit refused or ended. */
  onLimit(limit: string): void;
  /** Measures every command on a connection from now on. */
  measureCommands(redis: Redis): void;
  /** In the text format of Prometheus. */
  render(): Promise<string>;
}

interface Method {
  service: string;
  method: string;
}

const CALL_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600];
const REDIS_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];

/** Every method of the contract by its path: the only names that become labels. */
const methodsOf = ({ v1 }: Contract): Map<string, Method & { streams: boolean }> => {
  const services = Object.values(v1).flatMap((one) => ('service' in one ? [one.service] : []));
  const definitions = services.flatMap((service) => Object.values(service));
  return new Map(
    definitions.map(({ path, requestStream, responseStream }) => {
      const [, service = '', method = ''] = path.split('/');
      return [path, { service, method, streams: requestStream || responseStream }];
    }),
  );
};

/** Meters each call of the contract. */
const createCallObserver = (contract: Contract, registers: Registry[]): CallObserver => {
  const calls = new Counter({
    name: 'rekey_gateway_calls_total',
    help: 'Calls that have ended, by their gRPC status code',
    labelNames: ['service', 'method', 'code'],
    registers,
  });
  const duration = new Histogram({
    name: 'rekey_gateway_call_duration_seconds',
    help: 'Time from the start of a call to its status, waiting and streaming included',
    labelNames: ['service', 'method'],
    buckets: CALL_SECONDS,
    registers,
  });
  const streams = new Gauge({
    name: 'rekey_gateway_open_streams',
    help: 'Open calls of methods that stream requests or responses',
    labelNames: ['service', 'method'],
    registers,
  });
  const methods = methodsOf(contract);
  for (const { service, method, streams: isStream } of methods.values())
    if (isStream) streams.set({ service, method }, 0);

  return {
    onCall: (path) => {
      const known = methods.get(path);
      if (known === undefined) return undefined;
      const { service, method, streams: isStream } = known;
      const beganMs = performance.now();
      if (isStream) streams.inc({ service, method });
      return (code) => {
        if (isStream) streams.dec({ service, method });
        calls.inc({ service, method, code: status[code] ?? 'UNKNOWN' });
        duration.observe({ service, method }, (performance.now() - beganMs) / 1000);
      };
    },
  };
};

/** Asked at each rendering. */
interface Counts {
  /** The calls that wait for a rotation or for acknowledgements. */
  waiters(): number;
  connections(): number;
  /** Absent without TLS. */
  certificates?: (() => CertificateState) | undefined;
  /** Since when a changed access file cannot be used; absent without a file. */
  accessFileRefusedSinceMs?: (() => number | undefined) | undefined;
  /** Who is at a limit of its own; absent without an access file. */
  callersAtLimit?: (() => { limit: string }[]) | undefined;
}

/** Renders what Prometheus has to alert on: certificates that are not renewed in time. */
const createCertificateGauges = (registers: Registry[]) => {
  const expiry = new Gauge({
    name: 'rekey_gateway_tls_certificate_expiry_timestamp_seconds',
    help: 'When the certificate of the gateway, or one of its issuers, expires',
    registers,
  });
  const refused = new Gauge({
    name: 'rekey_gateway_tls_files_refused',
    help: '1 while newer certificate files cannot be served, 0 otherwise',
    registers,
  });
  return ({ notAfterMs, refusedSinceMs }: CertificateState): void => {
    expiry.set(notAfterMs / 1000);
    refused.set(refusedSinceMs === undefined ? 0 : 1);
  };
};

const createCallersAtLimit = (registers: Registry[]) => {
  const atLimit = new Gauge({
    name: 'rekey_gateway_callers_at_limit',
    help: 'Callers and addresses that were refused within the last minute, by the limit of their own',
    labelNames: ['limit'],
    registers,
  });
  return (callers: { limit: string }[]): void => {
    for (const limit of callerLimitNames)
      atLimit.set({ limit }, callers.filter((one) => one.limit === limit).length);
  };
};

export const createMetrics = (contract: Contract, counts: Counts): Metrics => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const waiting = new Gauge({
    name: 'rekey_gateway_waiters',
    help: 'Calls that wait for a rotation to end or for consumers to acknowledge it',
    registers,
  });
  const connections = new Gauge({
    name: 'rekey_gateway_connections',
    help: 'Open connections of callers',
    registers,
  });
  const refused = new Counter({
    name: 'rekey_gateway_refused_total',
    help: 'Calls and connections that a limit of the gateway refused or ended, by the limit',
    labelNames: ['limit'],
    registers,
  });
  const refusedWork = new Counter({
    name: 'rekey_gateway_refused_work_total',
    help: 'Calls refused because a limit of the ledger is reached, or because their org is unknown',
    labelNames: ['reason'],
    registers,
  });
  const roundTrips = new Histogram({
    name: 'rekey_gateway_redis_round_trip_seconds',
    help: 'Time from sending a command to Redis until its reply',
    buckets: REDIS_SECONDS,
    registers,
  });

  const accessRefused =
    counts.accessFileRefusedSinceMs &&
    new Gauge({
      name: 'rekey_gateway_access_file_refused',
      help: '1 while a changed access file cannot be used, 0 otherwise',
      registers,
    });
  const setCallersAtLimit = counts.callersAtLimit && createCallersAtLimit(registers);
  const setCertificates = counts.certificates && createCertificateGauges(registers);

  return {
    onCall: createCallObserver(contract, registers).onCall,

    onLimit: (limit) => refused.inc({ limit }),

    onWorkRefused: (reason) => refusedWork.inc({ reason }),

    measureCommands: (redis) => {
      const send = redis.sendCommand.bind(redis);
      redis.sendCommand = (command, stream) => {
        const beganMs = performance.now();
        const observe = () => roundTrips.observe((performance.now() - beganMs) / 1000);
        // A command that Redis never answered made no round trip.
        command.promise.then(observe, (error: unknown) => {
          if (!isRedisUnavailable(error)) observe();
        });
        return send(command, stream);
      };
    },

    render: () => {
      waiting.set(counts.waiters());
      connections.set(counts.connections());
      if (counts.certificates) setCertificates?.(counts.certificates());
      if (counts.callersAtLimit) setCallersAtLimit?.(counts.callersAtLimit());
      accessRefused?.set(counts.accessFileRefusedSinceMs?.() === undefined ? 0 : 1);
      return registry.metrics();
    },
  };
};
