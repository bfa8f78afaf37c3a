import type { Clock } from '../../shared/clock.ts';

/** A pause that can be ended early. */
export interface Waker {
  wait(ms: number): Promise<void>;
  wake(): void;
}

export const createWaker = (clock: Clock): Waker => {
  let wakeUp = () => {};
  return {
    wait: async (ms) => {
      const woken = new Promise<void>((resolve) => (wakeUp = resolve));
      await Promise.race([woken, clock.sleep(Math.max(Math.ceil(ms), 1))]);
    },
    wake: () => wakeUp(),
  };
};
