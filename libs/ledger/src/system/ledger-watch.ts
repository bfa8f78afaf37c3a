import type { ErrorCode, LedgerHoldings } from '@rekey/schema';
import type { Identity, Recognised } from './identity.ts';

interface LedgerWatchOptions {
  ledger: Pick<Identity, 'recognise'>;
  /** The fingerprint key of a process that makes fingerprints. */
  fingerprintKeyId?: string;
  /** A ledger that vanished may begin anew without an operator. */
  mayBegin: boolean;
  /** What the ledger holds, to be shown if it vanishes. */
  holdings: () => Promise<LedgerHoldings>;
  /** Called when the ledger is found lost, and when it is whole again. */
  onLost: (found: Recognised) => void;
  onWhole: (found: Recognised) => void;
  onError: (error: unknown) => void;
  lookEveryMs?: number;
}

export interface LedgerWatch {
  /** The error code for which no request may leave at present, because of the ledger. */
  holdBack(): ErrorCode | undefined;
  close(): Promise<void>;
}

/** How soon a ledger that vanished is noticed. */
export const LOOK_AT_LEDGER_EVERY_MS = 500;
const COUNT_EVERY_MS = 5000;

/**
 * Checks whether the ledger is still the one that this process knows, and marks the one in its place as lost
 * if not.
 * The commands that claim refuse on their own; the mark is for processes that start later and know no ledger.
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
    // A count from after the loss must not pass for what the ledger held before.
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
