import type { InventClient } from '@rekey/invent';
import type { Consumers, OrgAlias } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import type { Sealer } from '@rekey/sealing';
import type { Recipients } from '../publishing/recipients.ts';
import type { Clock } from '../shared/clock.ts';
import type { Meter } from '../metrics/meter.ts';
import type { Pacer } from '../shared/pacer.ts';

export interface OrgAliasDeps {
  alias: OrgAlias;
  consumers: Pick<Consumers, 'list' | 'write'>;
  recipients: Recipients;
  sealer: Sealer;
  /** Sends requests with the API key that `c` belongs to, whichever org they name. */
  prober: Pick<InventClient, 'getAssistant' | 'listAssistants'>;
  /** Whether an API key for `c` is configured. */
  hasKey: () => boolean;
  /** `INVENT_ORG_ID`: the org that `c` stands for, as the operator says. */
  configured: string | undefined;
  pacer: Pick<Pacer, 'take'>;
  clock: Clock;
  logger: Logger;
  meter: Pick<Meter, 'published'>;
  /** Aborts when the process stops. */
  stopping: AbortSignal;
}

export const ALIAS_LOCK_MS = 60_000;
