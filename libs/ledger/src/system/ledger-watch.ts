import type { ErrorCode, LedgerHoldings } from '@rekey/schema';
import type { Identity, Recognised } from './identity.ts';

export interface LedgerWatchOptions {
  ledger: Pick<Identity, 'recognise'>;
  /** Of a process that makes fingerprints. */
  fingerprintKeyId?: string;
  /** A ledger that vanished may begin anew without an operator. */
  mayBegin: boolean;
  /** What the ledger holds, to be shown should it vanish. */
  holdings: () => Promise<LedgerHoldings>;
  /** Called each time that it is found lost, and when it is whole again. */
  onLost: (found: Recognised) => void;
  onWhole: (found: Recognised) => void;
  onError: (error: unknown) => void;
  lookEveryMs?: number;
}

export interface LedgerWatch {
  /** Why no request may leave at present, as far as the ledger goes. */
  holdBack(): ErrorCode | undefined;
  close(): Promise<void>;
}

/** How soon a ledger that vanished is noticed. */
export const LOOK_AT_LEDGER_EVERY_MS = 500;
const COUNT_EVERY_MS = 5000;

/**
 * Looks whether the ledger is still the one that this process knows, and marks the one in its place as lost
 * if it is not. Claims are refused by their own commands already; the mark is for processes that start later
 * and remember nothing.
 */
export const startLedgerWatch = ({
  ledger,
  fingerprintKeyId,
  mayBegin,
  holdings,
  onLost,
  onWhole,
  onError,
  lookEveryMs = LOOK_AT_LEDGER_EVERY_MS,
}: LedgerWatchOptions): LedgerWatch => {
  let lost = false;
  let held: LedgerHoldings | undefined;
  let countedAt = Number.NEGATIVE_INFINITY;
  let closed = false;

  const look = async (): Promise<void> => {
    const found = await ledger.recognise({ fingerprintKeyId, mayBegin, held });
    const isLost = found.lostMs !== undefined;
    if (isLost !== lost) {
      lost = isLost;
      (isLost ? onLost : onWhole)(found);
    }
    // What is counted after it vanished would pass for what it held before.
    if (isLost || performance.now() - countedAt < COUNT_EVERY_MS) return;
    const counted = await holdings();
    const after = await ledger.recognise({ fingerprintKeyId, mayBegin, held });
    if (after.lostMs !== undefined || after.id !== found.id) return;
    held = counted;
    countedAt = performance.now();
  };

  const run = async (): Promise<void> => {
    await look().catch(onError);
    if (!closed) timer = setTimeout(again, lookEveryMs);
  };
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const again = () => {
    running = run();
  };
  again();

  return {
    holdBack: () => (lost ? 'LEDGER_LOST' : undefined),
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
      clearTimeout(timer);
    },
  };
};
