import { SubscribeError, type Freshness, type Keys } from '@rekey/subscriber';
import type { AgentConfig } from '../config/agent-config.ts';
import { Refusal } from '../http/answer.ts';
import type { Known } from '../outputs/selection.ts';

/** The held keys as the agent answers with them: never with one that may not be used, and with their age. */
export interface AgentKeys {
  readonly keys: Keys;
  /** Throws a Refusal. */
  sign(assistantId: string, userId: string): { userHash: string; version: number; uncertain: boolean };
  /** A key that may be used. Throws a Refusal. */
  get(assistantId: string): Known & { state: 'held' };
  freshness(): AgentFreshness;
  /** The members of an answer that say how old it may be. */
  ageFields(): string;
}

interface AgentFreshness extends Freshness {
  /** Everything that was published longer ago than this has been applied; after a revocation, since that. */
  ageMs: number;
  source: 'rekey' | 'cache';
  /** Older than `max_staleness`. */
  tooOld: boolean;
}

/** Withdrawn assistants that are answered as such. Whoever publishes can make more. */
const MAX_WITHDRAWN = 100_000;

const shown = (assistantId: string): string => JSON.stringify(assistantId);

type Limits = Pick<AgentConfig, 'max_staleness' | 'uncertain'>;

export const createAgentKeys = (
  keys: Keys,
  { max_staleness: maxStaleness = Infinity, uncertain }: Limits,
): AgentKeys => {
  const withdrawn = new Set<string>();
  let revokedAtMs: number | undefined;
  keys.on('removed', ({ assistantId, removal }) => {
    if (removal === 'withdrawn' && withdrawn.size < MAX_WITHDRAWN) withdrawn.add(assistantId);
  });
  keys.on('key', ({ assistantId }) => withdrawn.delete(assistantId));
  keys.on('revoked', () => (revokedAtMs ??= performance.now()));

  const freshness = (): AgentFreshness => {
    const now = keys.freshness();
    revokedAtMs = now.revoked ? (revokedAtMs ?? performance.now()) : undefined;
    const revokedForMs = revokedAtMs === undefined ? 0 : performance.now() - revokedAtMs;
    const ageMs = Math.max(0, Math.round(Math.max(now.behindMs, revokedForMs)));
    return { ...now, ageMs, source: now.restored ? 'cache' : 'rekey', tooOld: ageMs > maxStaleness };
  };
  const refuseTooOld = (): AgentFreshness => {
    const now = freshness();
    if (now.tooOld)
      throw new Refusal(
        503,
        'STALE',
        `the held keys may be ${now.ageMs} ms old, which is more than max_staleness allows`,
        { 'retry-after': '1' },
      );
    return now;
  };
  const refuseUncertain = (assistantId: string, isUncertain: boolean): void => {
    if (isUncertain && uncertain === 'refuse')
      throw new Refusal(
        409,
        'KEY_UNCERTAIN',
        `the response to a rotation of ${shown(assistantId)} was lost: its key may have been replaced`,
        { 'retry-after': '1' },
      );
  };
  return {
    keys,
    sign: (assistantId, userId) => {
      refuseTooOld();
      try {
        const signed = keys.signUserHashWithVersion(assistantId, userId);
        refuseUncertain(assistantId, signed.uncertain);
        return signed;
      } catch (error) {
        if (!(error instanceof SubscribeError)) throw error;
        throw error.code === 'CLOSED' ? closing() : noKeyOf(keys, withdrawn, assistantId);
      }
    },
    get: (assistantId) => {
      refuseTooOld();
      const known = keys.current(assistantId);
      if (known?.state !== 'held') throw noKeyOf(keys, withdrawn, assistantId);
      refuseUncertain(assistantId, known.uncertain);
      return known;
    },
    freshness,
    ageFields: () => {
      const { ageMs, source } = freshness();
      return `"age_ms":${ageMs},"source":"${source}"`;
    },
  };
};

const closing = (): Refusal =>
  new Refusal(503, 'CLOSING', 'the agent is shutting down', { 'retry-after': '1' });

/** Why an assistant has no key that may be used. */
const noKeyOf = (keys: Keys, withdrawn: ReadonlySet<string>, assistantId: string): Refusal => {
  const known = keys.current(assistantId);
  if (known?.state === 'unreadable')
    return new Refusal(
      409,
      'NOT_READABLE_ANY_MORE',
      `the current record of ${shown(assistantId)} is newer, and not sealed for this consumer`,
    );
  if (known)
    return new Refusal(404, 'KEY_REMOVED', `the assistant ${shown(assistantId)} no longer has a key`);
  if (withdrawn.has(assistantId))
    return new Refusal(404, 'KEY_WITHDRAWN', `this consumer may no longer read ${shown(assistantId)}`);
  if (keys.freshness().restored)
    return new Refusal(
      503,
      'NOT_SYNCHRONIZED',
      `${shown(assistantId)} is not in the cache, and Rekey has not been reached yet`,
      { 'retry-after': '1' },
    );
  return new Refusal(
    404,
    'UNKNOWN_ASSISTANT',
    `no key of ${shown(assistantId)} was published to this consumer`,
  );
};
