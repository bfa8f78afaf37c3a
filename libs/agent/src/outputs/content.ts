import type { Keys } from '@rekey/subscriber';

/** What an output writes to disk. */
export interface Content {
  /** Writes what has changed. Resolves with whether anything has. */
  write(keys: Keys): Promise<boolean>;
  /** The path of what each write replaces. */
  readonly path: string;
  /** Whether it is as this process has left it. */
  isIntact?(): Promise<boolean>;
  close?(): Promise<void>;
}
