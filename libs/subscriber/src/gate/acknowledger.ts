import type { Acknowledgement } from '@rekey/schema';
import type { Sent } from '../source/source.ts';

/** Reports to Rekey how far this process has come: at once after a change, but at most once in 10 ms. */
export interface Acknowledger {
  /** Reports a change. */
  applied(): void;
  /** Reports now, as a sign of life. */
  beat(): void;
  /** Sends the last acknowledgement, which announces the end. */
  leave(): Promise<void>;
}

const MIN_INTERVAL_MS = 10;
const LONGEST_INTERVAL_MS = 1000;
const FASTER = 0.95;
const SLOWER = 1.5;

/** A gateway limits what all instances of a consumer send together: one that is refused sends less often. */
const createPace = () => {
  let intervalMs = MIN_INTERVAL_MS;
  let lastMs = -Infinity;
  return {
    began: (): void => {
      const nowMs = performance.now();
      if (nowMs - lastMs > LONGEST_INTERVAL_MS + intervalMs) intervalMs = MIN_INTERVAL_MS;
      lastMs = nowMs;
    },
    sent: (isAccepted: boolean): void => {
      intervalMs = isAccepted
        ? Math.max(intervalMs * FASTER, MIN_INTERVAL_MS)
        : Math.min(intervalMs * SLOWER, LONGEST_INTERVAL_MS);
    },
    /** Until the next one may be sent. */
    restMs: (): number => {
      const spread = intervalMs === MIN_INTERVAL_MS ? 1 : 0.5 + Math.random();
      return lastMs + intervalMs * spread - performance.now();
    },
  };
};

/**
 * `send` resolves when Redis has the acknowledgement, or with `later` if it was refused for now: the next one
 * is then sent later. Its rejections are ignored: the next acknowledgement contains everything that this one
 * does.
 */
export const createAcknowledger = (
  current: () => Acknowledgement | undefined,
  send: (ack: string) => Promise<Sent>,
): Acknowledger => {
  const pace = createPace();
  let isSending = false;
  let isWanted = false;
  let hasLeft = false;
  let timer: NodeJS.Timeout | undefined;

  const sendNow = async (): Promise<void> => {
    const ack = hasLeft ? undefined : current();
    if (!ack) return;
    isWanted = false;
    isSending = true;
    pace.began();
    const sent = await send(JSON.stringify(ack)).catch(() => 'lost');
    if (sent === 'later') isWanted = true;
    pace.sent(sent !== 'later');
    await new Promise<void>((resolve) => (timer = setTimeout(resolve, Math.max(pace.restMs(), 0))));
    isSending = false;
    if (isWanted) void sendNow();
  };
  const applied = (): void => {
    isWanted = true;
    if (!isSending) void sendNow();
  };

  return {
    applied,
    beat: applied,
    leave: async () => {
      if (hasLeft) return;
      const ack = current();
      hasLeft = true;
      if (ack) await send(JSON.stringify({ ...ack, leaving: true })).catch(() => {});
      clearTimeout(timer);
    },
  };
};
