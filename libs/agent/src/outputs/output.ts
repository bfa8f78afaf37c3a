/** Where keys go, beside the answers to requests. */
export interface Output {
  /** For logs, metrics and /healthz. */
  readonly name: string;
  /** An assistant has changed; without one, everything may have. */
  changed(assistantId?: string): void;
  /** Resolves when everything that has changed so far is out, and its command has ended with 0. */
  settled(): Promise<void>;
  /** Since when its files are behind the held keys; undefined if they are not. */
  dueSinceMs(): number | undefined;
  failure(): { why: string; sinceMs: number } | undefined;
  counts(): OutputCounts;
  close(): Promise<void>;
}

interface OutputCounts {
  writes: number;
  writeFailures: number;
  reloads: number;
  reloadFailures: number;
  /** When the output was last known to show the held keys. */
  writtenAtMs: number | undefined;
}

export const noCounts = (): OutputCounts => ({
  writes: 0,
  writeFailures: 0,
  reloads: 0,
  reloadFailures: 0,
  writtenAtMs: undefined,
});
