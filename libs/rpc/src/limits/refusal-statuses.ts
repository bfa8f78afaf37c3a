import type { StatusObject } from '@grpc/grpc-js';
import { RekeyError } from '@rekey/schema';
import { toStatus } from '../status-details.ts';

export interface Refusal {
  code: 'TOO_MANY_CALLS' | 'REQUEST_STALLED' | 'METADATA_TOO_LARGE';
  /** The name of the limit. */
  limit: string;
  metadata?: Record<string, string>;
  retryAfterMs?: number | undefined;
}

/** Floods are refused, too: each status is made once. Limits, paths and times to come back are few. */
export class RefusalStatuses {
  private readonly known = new Map<string, StatusObject>();

  of({ code, limit, metadata, retryAfterMs }: Refusal, path: string): StatusObject {
    const key = `${code} ${limit} ${path} ${retryAfterMs}`;
    const known = this.known.get(key);
    if (known) return known;
    const error = new RekeyError(code, { metadata: { bound: limit, ...metadata }, retryAfterMs });
    const made = toStatus(error, path);
    this.known.set(key, made);
    return made;
  }
}
