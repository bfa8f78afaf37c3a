import type { OrgLimits } from '@rekey/ledger';
import type { ErrorCode } from '@rekey/schema';
import type { Finding } from '../../publishing/finding.ts';

/** Ids that are kept until the end of the list, to be read then. */
const IDS_KEPT = 10_000;
const CHANGES_ALLOWED = 3;

/** Assistants that LIST shows with another key than the published one, or without one. */
interface Disputes {
  count(): number;
  /** Assistants whose ids were not kept, because there were too many. */
  dropped(): number;
  defer(listed: { assistantId: string; finding: Finding }): void;
  release(): string[];
  /** Releases all, unless more are disputed than may change for this number of known assistants. */
  releaseSome(disputed: number, knownListed: number): string[];
  first(count: number): string[];
  /** The most frequent kind of dispute. */
  code(): ErrorCode;
}

export const createDisputes = (limits: OrgLimits): Disputes => {
  let count = 0;
  let dropped = 0;
  let deferred: string[] = [];
  const byCode: Partial<Record<ErrorCode, number>> = {};
  const share = limits.known === 0 ? 1 : limits.limit / limits.known;
  const release = (): string[] => {
    const released = deferred;
    deferred = [];
    return released;
  };
  return {
    count: () => count,
    dropped: () => dropped,
    defer: ({ assistantId, finding }) => {
      count += 1;
      const code = codeOf(finding);
      byCode[code] = (byCode[code] ?? 0) + 1;
      if (deferred.length < IDS_KEPT || limits.accepted) deferred.push(assistantId);
      else dropped += 1;
    },
    release,
    releaseSome: (disputed, knownListed) => {
      const allowed = Math.min(Math.max(CHANGES_ALLOWED, Math.floor(share * knownListed)), limits.limit);
      return limits.accepted || (!limits.held && disputed <= allowed) ? release() : [];
    },
    first: (size) => deferred.slice(0, size),
    code: () => Object.entries(byCode).toSorted(([, a], [, b]) => b - a)[0]![0] as ErrorCode,
  };
};

const codeOf = (finding: Finding): ErrorCode => {
  if (!('removal' in finding)) return 'TOO_MANY_CHANGED';
  return finding.removal === 'deleted' ? 'TOO_MANY_GONE' : 'TOO_MANY_WITHOUT_KEY';
};
