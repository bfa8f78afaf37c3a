import type { Logger } from '@rekey/runtime';
import { SubscribeError, openLocalVault, subscribe, type Keys } from '@rekey/subscriber';
import { AgentError } from './agent-error.ts';
import { startCache, type AgentCache } from './cache/agent-cache.ts';
import { openCache, type CacheContent, type CacheOwner } from './cache/cache-file.ts';
import type { AgentConfig } from './config/agent-config.ts';
import { createEventStreams } from './http/event-streams.ts';
import { createRequestCounts } from './http/request-counts.ts';
import { createRoutes } from './http/routes.ts';
import { startListeners, type Listeners } from './http/start-listeners.ts';
import { createAgentKeys } from './keys/agent-keys.ts';
import { logKeys } from './keys/log-keys.ts';
import { createFileOutput } from './outputs/file-output.ts';
import type { Output } from './outputs/output.ts';
import { createReport } from './report/report.ts';
import { sourceOf } from './source.ts';

export interface AgentDeps {
  logger: Logger;
  env: NodeJS.ProcessEnv;
  /** Aborts the start. */
  signal?: AbortSignal;
  /** `subscribe` of libs/subscriber. */
  follow?: typeof subscribe;
  /** An output beside the files of the configuration. */
  more?: (keys: Keys) => Output;
}

/** An agent that serves. */
export interface Agent {
  keys: Keys;
  addresses: readonly string[];
  outputs: readonly Output[];
  /** Resolves when every output shows the held keys. Rejects if one cannot. */
  settled(): Promise<void>;
  /** Ends it in order: answers what has arrived, finishes what is being written. Safe to call twice. */
  close(): Promise<void>;
}

const ANSWERED_WITHIN_MS = 5000;

/** Rejects with an AgentError, a SubscribeError or a StartError; then nothing is left running. */
export const startAgent = async (config: AgentConfig, deps: AgentDeps): Promise<Agent> => {
  const source = sourceOf(config, deps.env);
  const listeners = await startListeners(config);
  const outputs: Output[] = [];
  let begin!: () => void;
  const haveOutputs = new Promise<void>((resolve) => (begin = resolve));
  let keys: Keys | undefined;
  try {
    const owner = config.cache && (await cacheOwnerOf(config));
    const cached = owner && (await readCache(config, owner, deps.logger));
    keys = await (deps.follow ?? subscribe)({
      ...source,
      consumer: config.consumer,
      privateKey: config.key_file,
      mountedKeyFile: config.mounted_secrets,
      prefix: config.prefix,
      staleAfterMs: config.stale_after,
      readyTimeoutMs: config.ready_timeout,
      beforeAcknowledge: async () => {
        await haveOutputs;
        await settled(outputs);
      },
      ...(cached && { restore: cached }),
      ...(deps.signal && { signal: deps.signal }),
    });
    outputs.push(...createOutputs(config, keys, deps));
    begin();
    return serve(config, keys, outputs, listeners, owner, deps);
  } catch (error) {
    await keys?.close();
    await listeners.close(0);
    throw error instanceof SubscribeError ? namingFields(error) : error;
  }
};

const settled = async (outputs: readonly Output[]): Promise<void> => {
  await Promise.all(
    outputs.map((output) =>
      output.settled().catch(({ message }: Error) => {
        throw new AgentError('OUTPUT_FAILED', `${output.name}: ${message}`);
      }),
    ),
  );
};

/** The events of the snapshot at the start came before the outputs: each shows everything at first. */
const createOutputs = (config: AgentConfig, keys: Keys, { logger, more }: AgentDeps): Output[] => {
  const outputs = config.files.map((file) => createFileOutput(file, config, keys, logger));
  if (more) outputs.push(more(keys));
  for (const output of outputs) output.changed();
  const changed = (assistantId?: string) => outputs.forEach((output) => output.changed(assistantId));
  keys.on('key', ({ assistantId }) => changed(assistantId));
  keys.on('removed', ({ assistantId }) => changed(assistantId));
  keys.on('unreadable', ({ assistantId }) => changed(assistantId));
  keys.on('uncertain', ({ assistantId }) => changed(assistantId));
  keys.on('certain', ({ assistantId }) => changed(assistantId));
  return outputs;
};

const serve = (
  config: AgentConfig,
  keys: Keys,
  outputs: readonly Output[],
  listeners: Listeners,
  owner: CacheOwner | undefined,
  { logger }: AgentDeps,
): Agent => {
  const agentKeys = createAgentKeys(keys, config);
  const streams = createEventStreams(keys, config.http?.max_event_streams ?? 0);
  const counts = createRequestCounts();
  const cache: AgentCache | undefined = config.cache && startCache(config.cache, owner!, keys, logger);
  const report = createReport({
    keys: agentKeys,
    outputs,
    cache,
    counts,
    streams,
    listeners: listeners.all,
    staleAfterMs: config.stale_after,
  });
  const stopLogging = logKeys(keys, listeners.all, logger);
  const serveKeys = config.http?.serve_keys ?? false;
  listeners.serve((guard) => createRoutes({ keys: agentKeys, serveKeys, streams, report, counts }, guard));

  const close = async (): Promise<void> => {
    stopLogging();
    streams.close();
    await listeners.close(ANSWERED_WITHIN_MS);
    await Promise.all(outputs.map((output) => output.close()));
    await cache?.close();
    await keys.close();
  };
  let closing: Promise<void> | undefined;
  return {
    keys,
    outputs,
    addresses: listeners.all.map(({ address }) => address),
    settled: () => settled(outputs),
    close: () => (closing ??= close()),
  };
};

const cacheOwnerOf = async ({
  consumer,
  prefix,
  key_file: privateKey,
  mounted_secrets: mountedKeyFile,
}: AgentConfig): Promise<CacheOwner> => ({
  consumer,
  prefix,
  vault: await openLocalVault({ privateKey, mountedKeyFile }),
});

const readCache = async (
  { cache }: AgentConfig,
  owner: CacheOwner,
  logger: Logger,
): Promise<CacheContent | undefined> => {
  const found = await openCache(cache!.path, owner);
  if (found && 'refused' in found) {
    logger.event('agent_cache_refused', { path: cache!.path, reason: found.refused });
    return undefined;
  }
  if (found) {
    const ageMs = Math.max(0, Date.now() - found.provenAt.getTime());
    logger.event('agent_cache_used', { age_ms: ageMs, keys: found.keys.length });
  }
  return found;
};

/** The option of the SDK that a container platform needs has another name in the configuration. */
const namingFields = ({ code, message, retry, cause }: SubscribeError): AgentError =>
  new AgentError(code, message.replaceAll('the option mountedKeyFile', 'mounted_secrets: true'), {
    retry,
    cause,
  });
