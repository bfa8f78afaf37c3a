import {
  apiKeyFromFile,
  apiKeysFromFile,
  createByteRoom,
  createInventClient,
  keysByOneName,
  parseBaseUrl,
  proxyFor,
  singleApiKey,
  type ApiKeys,
  type ByteRoom,
  type InventClient,
  type InventClientOptions,
} from '@rekey/invent';
import { MAX_RECORD_BYTES, ORG_ALIAS } from '@rekey/schema';
import { workerConcurrency, type WorkerEnvironment } from '../config.ts';
import type { Meter } from '../metrics/meter.ts';
import { askByOneName } from '../orgs/one-name.ts';
import type { Recipients } from '../publishing/recipients.ts';
import { startBudgetWatch, type BudgetWatch } from '../upkeep/budget-watch.ts';
import type { Base } from './base.ts';
import type { Stores } from './ledger.ts';

export interface Invent {
  invent: InventClient;
  /** Sends requests with the API key of `c`, whichever org they name: an answer proves which org that is. */
  prober: InventClient;
  /**
   * Memory for long records: on the heap, a record takes up to nine times its length until it is published.
   */
  answers: ByteRoom;
  apiKeys: ApiKeys;
  hasAliasKey: () => boolean;
}

export const connectInvent = (
  { config, logger, shutdown }: Base,
  configured: ApiKeys,
  { ledger, limit }: Stores,
  recipients: Recipients,
  meter: Pick<Meter, 'limited'>,
): Invent => {
  const byOneName = keysByOneName(configured, recipients.nameOf);
  const budgetWatch = startBudgetWatch({
    budget: ledger.budget,
    limited: limit.requestsPerMinute > 0,
    logger,
  });
  const upstream = upstreamOptions(config, budgetWatch, meter);
  if (upstream.proxy)
    logger.event('proxy', { proxy: upstream.proxy.origin, variable: upstream.proxy.variable });
  const answers = createByteRoom(MAX_RECORD_BYTES);
  const { connections } = workerConcurrency(config);
  const invent = askByOneName(
    createInventClient({ ...upstream, apiKeys: byOneName, decoding: answers, connections }),
    recipients.nameOf,
  );
  shutdown.defer('invent', () => invent.close());
  shutdown.defer('budget watch', () => budgetWatch.close());
  const aliasKey = Object.assign(() => configured(ORG_ALIAS), { orgIds: configured.orgIds });
  const prober = createInventClient({ ...upstream, apiKeys: aliasKey, connections: 2 });
  shutdown.defer('prober', () => prober.close());
  return {
    invent,
    prober,
    answers,
    apiKeys: byOneName,
    hasAliasKey: () => configured(ORG_ALIAS) !== undefined,
  };
};

/** The API keys as configured, by the org ids that the operator used. */
export const loadApiKeys = ({ config, logger }: Pick<Base, 'config' | 'logger'>): ApiKeys => {
  const { INVENT_API_KEY, INVENT_API_KEY_FILE, INVENT_API_KEYS_FILE } = config;
  const options = {
    onBadFile: (err: Error) => logger.event('api_keys_not_reloaded', { err }),
    mounted: config.REKEY_MOUNTED_SECRETS,
  };
  if (INVENT_API_KEYS_FILE) return apiKeysFromFile(INVENT_API_KEYS_FILE, options);
  return INVENT_API_KEY_FILE ? apiKeyFromFile(INVENT_API_KEY_FILE, options) : singleApiKey(INVENT_API_KEY!);
};

const upstreamOptions = (
  config: WorkerEnvironment,
  budgetWatch: BudgetWatch,
  meter: Pick<Meter, 'limited'>,
) => {
  const baseUrl = parseBaseUrl(config.INVENT_BASE_URL, config.INVENT_PLAIN_HTTP_HOSTS);
  return {
    baseUrl,
    proxy: proxyFor(baseUrl, config),
    timeoutMs: config.INVENT_TIMEOUT_MS,
    onLimited: (refused) => {
      meter.limited();
      budgetWatch.refused(refused);
    },
    onAnswered: (request) => budgetWatch.answered(request),
  } satisfies Partial<InventClientOptions>;
};
