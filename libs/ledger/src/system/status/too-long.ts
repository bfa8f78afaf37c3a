import { REPLY_TOO_LARGE, type ReplyTooLarge, type SystemStatus } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { item } from '../attention/items.ts';

const REMEMBERED = 10;

/**
 * Another client can make so long what the status reads that no process could take the reply. The connection
 * is then replaced, and the status cannot be read: this answers with what stands in its way.
 */
export const orNameTooLong = (
  redis: Redis,
  read: () => Promise<SystemStatus>,
): (() => Promise<SystemStatus>) => {
  const metAtMs = new Map<string, number>();
  let reads = 0;
  const note = ({ key }: ReplyTooLarge): void => {
    if (metAtMs.size < REMEMBERED) metAtMs.set(key, performance.now());
  };
  return async () => {
    const beganMs = performance.now();
    reads += 1;
    if (reads === 1) redis.on(REPLY_TOO_LARGE, note);
    try {
      return await read();
    } catch (error) {
      const keys = [...metAtMs].flatMap(([key, ms]) => (ms >= beganMs ? [key] : []));
      if (keys.length === 0) throw error;
      return statusOf(keys);
    } finally {
      reads -= 1;
      if (reads === 0) {
        redis.off(REPLY_TOO_LARGE, note);
        metAtMs.clear();
      }
    }
  };
};

const statusOf = (keys: string[]): SystemStatus => ({
  attention: keys.map((key) =>
    item('LEDGER_DAMAGED', {
      subject: key,
      message:
        `Another client wrote to ${key} what is longer than Rekey reads. ` +
        'The rest of the status cannot be read meanwhile: its lists are empty, and its numbers are 0.',
      advice: 'Find the client that wrote it. Then restore the key, or delete what is too long in it.',
    }),
  ),
  processes: [],
  ledger: { id: '', now: { assistants: 0, consumers: 0, policies: 0 } },
  openBulks: [],
  rotations: { open: 0, failed: 0, waitingInBulks: 0 },
  openIntents: [],
  uncertain: [],
  uncertainCount: 0,
  quarantined: [],
  quarantinedCount: 0,
  checksDue: 0,
  heldOrgs: [],
});
