import { openLedger, type Ledger } from '@rekey/ledger';
import type { System } from './system.ts';

/** The ledger of a running system, which a spec opens as a further process with its key file. */
export const ledgerOf = ({ redis, sealer }: Pick<System, 'redis' | 'sealer'>): Ledger =>
  openLedger(redis, { prefix: 'rekey', registry: { key: sealer.registryKey } });
