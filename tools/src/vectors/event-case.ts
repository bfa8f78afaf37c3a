import type { ConsumerName } from './test-keys.ts';

/** What a consumer makes of one event, whatever it holds. */
export interface EventCase {
  name: string;
  consumer: ConsumerName;
  /** The text of the stream entry; of one that is not UTF-8, `base64`. */
  text?: string;
  base64?: string;
  verdict: 'open' | 'foreign' | 'refuse' | 'skip' | 'changed';
  /** The step of docs/guides/events.md that refuses it; 0: it is not an event. */
  step?: 0 | 2 | 3 | 4 | 5;
  /** Of the plaintext. */
  record?: object;
}
