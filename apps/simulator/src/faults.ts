import { z } from 'zod';

/**
 * A scripted fault. `kind` says what happens to a request that it hits:
 * - failBefore: nothing is done; answers `status`
 * - failAfter: done, but answers `status`
 * - loseConnectionBefore: nothing is done; the connection is cut
 * - loseResponseAfterCommit: done; the connection is cut
 * - hangBefore, hangAfterCommit: no answer at all, until the caller goes; not done, or done
 * - truncateBody: done; the body stops in the middle
 * - commitLate: the connection is cut at once, and it is done `delayMs` later
 * - garble: done; answers `status` (200) with `body` in place of the record or the page
 * - nullKey: nothing is done; answers the record with a null key
 * - staleRead: nothing is done; answers the record with the key before, as a replica that lags behind
 * - laggingRead: nothing is done; answers the record with the key, the deletion and the time of update that it had `delayMs` ago, as a
 *   replica that lags by that much; one that was never changed as it is
 *
 * All kinds work on `rotate`, `get` and `list`. A `get` and a `list` change nothing, so there "done" and "nothing is done" are the same.
 * On a `list` the last three kinds apply to every record of the page, which itself (which records, their order, the count) is as of now;
 * a fault with an `assistantId` never hits a `list`.
 */
export const Fault = z.strictObject({
  kind: z.enum(['failBefore', 'failAfter', 'loseConnectionBefore', 'loseResponseAfterCommit', 'hangBefore', 'hangAfterCommit', 'truncateBody', 'commitLate', 'garble', 'nullKey', 'staleRead', 'laggingRead']),
  on: z.enum(['rotate', 'get', 'list']).default('rotate'),
  /** Only requests for this assistant. */
  assistantId: z.string().optional(),
  /** How many requests it hits; 0 for every one. */
  times: z.int().nonnegative().default(1),
  /** The share of matching requests that it hits. */
  probability: z.number().min(0).max(1).default(1),
  status: z.int().min(200).max(599).optional(),
  /** A Retry-After header to send along, as it is. */
  retryAfter: z.string().optional(),
  /** For commitLate and laggingRead. */
  delayMs: z.int().nonnegative().default(1000),
  body: z.string().default('{"id":'),
});
export type Fault = z.infer<typeof Fault>;

export interface Faults {
  add(fault: Fault): void;
  clear(): void;
  /** The first fault that hits this request, used up by it. */
  next(on: Fault['on'], assistantId: string | undefined): Fault | undefined;
}

/** `random` decides on the `probability` of faults: numbers in [0, 1). */
export const createFaults = (random: () => number = Math.random): Faults => {
  let faults: { fault: Fault; left: number }[] = [];
  return {
    add: (fault) => faults.push({ fault, left: fault.times === 0 ? Number.POSITIVE_INFINITY : fault.times }),
    clear: () => {
      faults = [];
    },
    next: (on, assistantId) => {
      if (faults.length === 0) return undefined;
      const hit = faults.find(
        ({ fault }) => fault.on === on && (fault.assistantId === undefined || fault.assistantId === assistantId) && random() < fault.probability,
      );
      if (hit && (hit.left -= 1) <= 0) faults = faults.filter((other) => other !== hit);
      return hit?.fault;
    },
  };
};
