import type { App, TcpProxy } from '@rekey/testing';
import { patternsOf, type CommandName } from './commands.ts';
import { proxyTo, startSystem, type System, type SystemOptions } from './system.ts';

export const READ_LAG_MS = 100;

const TIMING = {
  INVENT_TIMEOUT_MS: '500',
  REKEY_LANDING_WINDOW_MS: '600',
  REKEY_READ_LAG_MS: String(READ_LAG_MS),
  REKEY_TAKEOVER_AFTER_MS: '1200',
};

export interface CrashSystem {
  system: System;
  /** The proxies between workers and Redis, and between workers and upstream. */
  redisProxy: TcpProxy;
  upstreamProxy: TcpProxy;
  startWorker(): Promise<App>;
  stop(): Promise<void>;
}

/** Starts a system without a worker. Its workers can be killed at a command, at a proxy. */
export const startCrashSystem = async (options: SystemOptions = {}): Promise<CrashSystem> => {
  const system = await startSystem({ ...options, worker: false, timing: TIMING });
  const redisProxy = await proxyTo(system.redisServer.url);
  const upstreamProxy = await proxyTo(system.environment['INVENT_BASE_URL']!);
  return {
    system,
    redisProxy,
    upstreamProxy,
    startWorker: () => system.startWorker({ REDIS_URL: redisProxy.url, INVENT_BASE_URL: upstreamProxy.url }),
    stop: async () => {
      await redisProxy.close();
      await upstreamProxy.close();
      await system.stop();
    },
  };
};

/** The texts by which a proxy recognises each of these commands of the ledger, under names of one's own. */
export const patternsByName = <Name extends string>(
  commands: Record<Name, CommandName>,
): Record<Name, string[]> => {
  const entries = Object.entries<CommandName>(commands).map(([name, command]) => [name, patternsOf(command)]);
  return Object.fromEntries(entries) as Record<Name, string[]>;
};
