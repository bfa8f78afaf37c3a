import type { Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { encodeTime } from 'ulid';

const EVERY_MS = 10_000;
const DAY_MS = 86_400_000;

/** Keeps what grows within its bounds. Several workers may do it at once. */
export const startHousekeeping = (ledger: Ledger, logger: Logger, limits: { keepRotations: number; keepDays: number }): { close(): void } => {
  let closed = false;
  let timer: NodeJS.Timeout;
  const tidy = async () => {
    try {
      const olderThanId = `rot_${encodeTime(Date.now() - limits.keepDays * DAY_MS)}`;
      const forgotten = await ledger.trim({ olderThanId, keepEach: limits.keepRotations });
      if (forgotten > 0) logger.debug({ forgotten }, 'forgot old rotations');
    } catch (err) {
      logger.warn({ err }, 'old rotations could not be forgotten');
    }
    if (!closed) timer = setTimeout(tidy, EVERY_MS);
  };
  timer = setTimeout(tidy, EVERY_MS);
  return {
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
};
