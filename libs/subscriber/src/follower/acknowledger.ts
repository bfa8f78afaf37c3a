import type { Acknowledgement } from '@rekey/schema';

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

/**
 * `send` resolves when Redis has the acknowledgement. Its rejections are ignored: the next acknowledgement
 * contains everything that this one does.
 */
export const createAcknowledger = (
  current: () => Acknowledgement | undefined,
  send: (ack: string) => Promise<void>,
): Acknowledger => {
  let isSending = false;
  let isWanted = false;
  let hasLeft = false;
  let timer: NodeJS.Timeout | undefined;

  const sendNow = async (): Promise<void> => {
    const ack = hasLeft ? undefined : current();
    if (!ack) return;
    isWanted = false;
    isSending = true;
    const sent = send(JSON.stringify(ack)).catch(() => {});
    const pause = new Promise<void>((resolve) => (timer = setTimeout(resolve, MIN_INTERVAL_MS)));
    await Promise.all([sent, pause]);
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
