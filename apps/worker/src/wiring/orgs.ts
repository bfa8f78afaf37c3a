import { noteConfiguredOrgs } from '../orgs/configured-orgs.ts';
import { keepOrgAlias, type OrgAliasKeeper } from '../orgs/org-alias.ts';
import { every } from '../shared/every.ts';
import type { Parts, Work } from './parts.ts';
import type { Sweeps } from './verification.ts';

const ROUND_EVERY_MS = 1000;

/** Compares INVENT_ORG_ID with the ledger and Invent. Throws if they contradict it. */
export const establishOrgAlias = async (
  { config, recipients, stores, upstream, stopping }: Parts,
  { common }: Work,
): Promise<OrgAliasKeeper> => {
  const orgAlias = keepOrgAlias({
    ...common,
    alias: stores.ledger.alias,
    consumers: stores.ledger.consumers,
    recipients,
    checks: stores.ledger.assistants,
    prober: upstream.prober,
    hasKey: upstream.hasAliasKey,
    configured: config.INVENT_ORG_ID,
    stopping,
  });
  await orgAlias.establish();
  return orgAlias;
};

/** Notes in the ledger which orgs this worker has an API key for. */
export const startConfiguredOrgs = async ({
  config,
  logger,
  shutdown,
  stores: { ledger },
  upstream: { apiKeys },
}: Parts): Promise<void> => {
  const noted = await noteConfiguredOrgs({
    sweeps: ledger.sweeps,
    orgIds: config.INVENT_API_KEYS_FILE ? apiKeys.orgIds : undefined,
    nowMs: ledger.system.nowMs,
    onError: (err) => logger.event('housekeeping_failed', { err, chore: 'note configured orgs' }),
  });
  shutdown.defer('configured orgs', () => noted.close());
};

export const startOrgAlias = (
  { logger, shutdown }: Parts,
  orgAlias: OrgAliasKeeper,
  { consumer }: Pick<Sweeps, 'consumer'>,
): void => {
  const rounds = every(
    ROUND_EVERY_MS,
    () => orgAlias.round(consumer.request),
    (err) => logger.event('org_alias_round_failed', { err }),
  );
  shutdown.defer('org names', () => rounds.close());
};
