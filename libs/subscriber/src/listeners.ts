import type { KeysEvents } from './keys.ts';

/** The listeners of a service. */
export interface Listeners {
  /** Whether there is any listener. Without one, costly events are not built. */
  has(event: keyof KeysEvents): boolean;
  emit<E extends keyof KeysEvents>(event: E, ...args: KeysEvents[E]): void;
}
