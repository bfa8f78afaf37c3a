import type { Acknowledgement } from '@rekey/schema';

/**
 * Tells Rekey how far this process has come: at once when something was applied, then not more than once in
 * 10 ms.
 */
export interface Acknowledger {
  /** Something was applied. */
  applied(): void;
  /** Sends one now, as a sign of life. */
  beat(): void;
  /** No more are sent, but for this last one. */
  leave(): Promise<void>;
}

const NOT_MORE_OFTEN_THAN_MS = 10;

/**
 * `send` resolves when Redis has it. What it rejects with is its own affair: the next acknowledgement says
 * the same and more.
 */
export const createAcknowledger = (
  now: () => Acknowledgement | undefined,
  send: (ack: string) => Promise<void>,
): Acknowledger => {
  let underWay = false;
  let wanted = false;
  let left = false;
  let timer: NodeJS.Timeout | undefined;

  const go = async (): Promise<void> => {
    const ack = left ? undefined : now();
    if (!ack) return;
    wanted = false;
    underWay = true;
    const sent = send(JSON.stringify(ack)).catch(() => {});
    const pause = new Promise<void>((resolve) => (timer = setTimeout(resolve, NOT_MORE_OFTEN_THAN_MS)));
    await Promise.all([sent, pause]);
    underWay = false;
    if (wanted) void go();
  };
  const applied = (): void => {
    wanted = true;
    if (!underWay) void go();
  };

  return {
    applied,
    beat: applied,
    leave: async () => {
      if (left) return;
      const ack = now();
      left = true;
      if (ack) await send(JSON.stringify({ ...ack, leaving: true })).catch(() => {});
      clearTimeout(timer);
    },
  };
};
