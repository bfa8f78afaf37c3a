import type { InventClient } from '@rekey/invent';
import type { Consumers, Ledger, OrgAlias } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import type { Recipients } from '../publishing/recipients.ts';
import type { Clock } from '../shared/clock.ts';
import type { Pacer } from '../shared/pacer.ts';

export interface OrgAliasDeps {
  alias: OrgAlias;
  consumers: Pick<Consumers, 'list' | 'write'>;
  recipients: Recipients;
  checks: Pick<Ledger['assistants'], 'arePending' | 'countDue' | 'requestCheck'>;
  /** Sends requests with the API key that `c` belongs to, whichever org they name. */
  prober: Pick<InventClient, 'getAssistant' | 'listAssistants'>;
  /** Whether an API key for `c` is configured. */
  hasKey: () => boolean;
  /** `INVENT_ORG_ID`: the org that `c` stands for, as the operator says. */
  configured: string | undefined;
  pacer: Pick<Pacer, 'take'>;
  clock: Clock;
  logger: Logger;
  /** Aborts when the process stops. */
  stopping: AbortSignal;
}

export const ALIAS_LOCK_MS = 60_000;
