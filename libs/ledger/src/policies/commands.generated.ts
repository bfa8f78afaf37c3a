/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import type { Actor } from '@rekey/schema';
import { flatHash } from '../hash-fields.ts';
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface PolicyBeginInput {
  policy: string;
  id: string;
  /** when the window was due */
  dueMs: number;
  /** the bulk rotation of an earlier window is still in progress: the window is skipped */
  busy: boolean;
}
type PolicyBeginReply =
  /** also if it was begun before: the same moment */
  | { kind: 'begun'; untilMs: number }
  /** a later window has been begun */
  | { kind: 'passed' }
  | { kind: 'paused' }
  /** `busy` */
  | { kind: 'skipped' }
  | { kind: 'missing' };
const readPolicyBeginReply = (reply: unknown[]): PolicyBeginReply => {
  switch (reply[0]) {
    case 'BEGUN':
      return { kind: 'begun', untilMs: Number(reply[1]) };
    case 'PASSED':
      return { kind: 'passed' };
    case 'PAUSED':
      return { kind: 'paused' };
    case 'SKIPPED':
      return { kind: 'skipped' };
    case 'MISSING':
      return { kind: 'missing' };
    default:
      throw unexpectedReply('policy-begin', reply);
  }
};

interface PolicyCreateInput {
  /** the new policy */
  policy: string;
  /** its assistants */
  assistants: string;
  /** the index of policies */
  policies: string;
  /** only if the caller gave a request id */
  request?: string | undefined;
  /** of request ids, in the same case */
  counts?: string | undefined;
  id: string;
  requestId?: string | undefined;
  /** of the arguments */
  digest: string;
  /** of the same arguments with `c` for the org */
  aliasDigest: string;
  /** how long a request id is kept */
  requestTtlS: number;
  /** how many policies there may be */
  limit: number;
  /** how many assistants all policies together may name */
  maxIds: number;
  /** the length of all their ids */
  maxBytes: number;
  /** the number of named assistants; absent if the policy covers all that upstream lists */
  named?: number | undefined;
  org: string;
  reason: string;
  everyDays: number;
  windowCron: string;
  windowZone: string;
  windowLength: number;
  limitCount?: number | undefined;
  limitPercent?: number | undefined;
  /** Who acts. */
  actor: Actor;
  /** the named assistants */
  ids: (string | number)[];
}
type PolicyCreateReply =
  | { kind: 'created'; policy: Record<string, string> }
  /** the same request again */
  | { kind: 'known'; knownId: string; known: Record<string, string> }
  /** the request id was used with other arguments */
  | { kind: 'reused' }
  /** the request id was used, and its policy was deleted */
  | { kind: 'spent' }
  /** the limit of remembered request ids is reached */
  | { kind: 'crowded' }
  /** the limit is reached */
  | { kind: 'full' }
  /** with this one, the policies would name too many assistants */
  | { kind: 'large' };
const readPolicyCreateReply = (reply: unknown[]): PolicyCreateReply => {
  switch (reply[0]) {
    case 'CREATED':
      return { kind: 'created', policy: flatHash(reply[1]) };
    case 'KNOWN':
      return { kind: 'known', knownId: String(reply[1]), known: flatHash(reply[2]) };
    case 'REUSED':
      return { kind: 'reused' };
    case 'SPENT':
      return { kind: 'spent' };
    case 'CROWDED':
      return { kind: 'crowded' };
    case 'FULL':
      return { kind: 'full' };
    case 'LARGE':
      return { kind: 'large' };
    default:
      throw unexpectedReply('policy-create', reply);
  }
};

interface PolicyDeleteInput {
  policy: string;
  /** its assistants */
  assistants: string;
  /** the index of policies */
  policies: string;
  id: string;
  /** Who acts. */
  actor: Actor;
}
type PolicyDeleteReply = { kind: 'deleted' } | { kind: 'missing' };
const readPolicyDeleteReply = (reply: unknown[]): PolicyDeleteReply => {
  switch (reply[0]) {
    case 'DELETED':
      return { kind: 'deleted' };
    case 'MISSING':
      return { kind: 'missing' };
    default:
      throw unexpectedReply('policy-delete', reply);
  }
};

interface PolicyPauseInput {
  policy: string;
  id: string;
  paused: boolean;
  /** Who acts. */
  actor: Actor;
}
type PolicyPauseReply =
  /** also if it was so before */
  { kind: 'written'; policy: Record<string, string> } | { kind: 'missing' };
const readPolicyPauseReply = (reply: unknown[]): PolicyPauseReply => {
  switch (reply[0]) {
    case 'WRITTEN':
      return { kind: 'written', policy: flatHash(reply[1]) };
    case 'MISSING':
      return { kind: 'missing' };
    default:
      throw unexpectedReply('policy-pause', reply);
  }
};

interface PolicyUpdateInput {
  policy: string;
  id: string;
  /** every_days as it was read */
  readEveryDays: string;
  /** window_cron as it was read */
  readWindowCron: string;
  /** Who acts. */
  actor: Actor;
  /** fields and values */
  changes: (string | number)[];
}
type PolicyUpdateReply =
  | { kind: 'written'; policy: Record<string, string> }
  /** another update came first; read, check and try again */
  | { kind: 'changed' }
  | { kind: 'missing' };
const readPolicyUpdateReply = (reply: unknown[]): PolicyUpdateReply => {
  switch (reply[0]) {
    case 'WRITTEN':
      return { kind: 'written', policy: flatHash(reply[1]) };
    case 'CHANGED':
      return { kind: 'changed' };
    case 'MISSING':
      return { kind: 'missing' };
    default:
      throw unexpectedReply('policy-update', reply);
  }
};

interface PolicyWriteInput {
  policy: string;
  /** fields and values */
  changes: (string | number)[];
}
type PolicyWriteReply = { kind: 'written'; policy: Record<string, string> } | { kind: 'missing' };
const readPolicyWriteReply = (reply: unknown[]): PolicyWriteReply => {
  switch (reply[0]) {
    case 'WRITTEN':
      return { kind: 'written', policy: flatHash(reply[1]) };
    case 'MISSING':
      return { kind: 'missing' };
    default:
      throw unexpectedReply('policy-write', reply);
  }
};

/**
 * The commands of policies/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const policiesCommands = (run: RunCommand) => ({
  /**
   * Begins a window of a policy: computes until when the bulk rotation of the window may run.
   *
   * Keeps: a window has one end, so that a repeated request asks for the same bulk rotation. A window that was
   * missed has its whole length from now on.
   */
  policyBegin: async (input: PolicyBeginInput): Promise<PolicyBeginReply> =>
    readPolicyBeginReply(
      await run('policy-begin', [input.policy], [input.id, input.dueMs, input.busy ? '1' : '']),
    ),
  /**
   * Records a rotation policy, once, with the assistants that it names.
   *
   * Keeps: one request id has one policy; all of a policy is there, or nothing; there are never more policies
   * than the limit, and all together never name more assistants, or longer ids, than the limits.
   */
  policyCreate: async (input: PolicyCreateInput): Promise<PolicyCreateReply> =>
    readPolicyCreateReply(
      await run(
        'policy-create',
        [
          input.policy,
          input.assistants,
          input.policies,
          ...(input.request === undefined ? [] : [input.request]),
          ...(input.counts === undefined ? [] : [input.counts]),
        ],
        [
          input.id,
          input.requestId ?? '',
          input.digest,
          input.aliasDigest,
          input.requestTtlS,
          input.limit,
          input.maxIds,
          input.maxBytes,
          input.named ?? '',
          input.org,
          input.reason,
          input.everyDays,
          input.windowCron,
          input.windowZone,
          input.windowLength,
          input.limitCount ?? '',
          input.limitPercent ?? '',
          input.actor.by,
          input.actor.also ?? '',
          input.actor.request ?? '',
          input.actor.trace ?? '',
          ...input.ids,
        ],
      ),
    ),
  /**
   * Deletes a policy, and the assistants that it names.
   */
  policyDelete: async (input: PolicyDeleteInput): Promise<PolicyDeleteReply> =>
    readPolicyDeleteReply(
      await run(
        'policy-delete',
        [input.policy, input.assistants, input.policies],
        [
          input.id,
          input.actor.by,
          input.actor.also ?? '',
          input.actor.request ?? '',
          input.actor.trace ?? '',
        ],
      ),
    ),
  /**
   * Pauses or resumes a policy.
   */
  policyPause: async (input: PolicyPauseInput): Promise<PolicyPauseReply> =>
    readPolicyPauseReply(
      await run(
        'policy-pause',
        [input.policy],
        [
          input.id,
          input.paused ? '1' : '',
          input.actor.by,
          input.actor.also ?? '',
          input.actor.request ?? '',
          input.actor.trace ?? '',
        ],
      ),
    ),
  /**
   * Changes fields of a policy, unless its term or expression has changed since the changes were checked with
   * them.
   *
   * Keeps: term and expression of a policy fit each other. Of two updates, each keeps the fields that only it
   * names. A policy that was deleted meanwhile does not come back with a few fields.
   */
  policyUpdate: async (input: PolicyUpdateInput): Promise<PolicyUpdateReply> =>
    readPolicyUpdateReply(
      await run(
        'policy-update',
        [input.policy],
        [
          input.id,
          input.readEveryDays,
          input.readWindowCron,
          input.actor.by,
          input.actor.also ?? '',
          input.actor.request ?? '',
          input.actor.trace ?? '',
          ...input.changes,
        ],
      ),
    ),
  /**
   * Writes fields of a policy, if it exists.
   *
   * Keeps: a policy that was deleted meanwhile does not come back with a few fields.
   */
  policyWrite: async (input: PolicyWriteInput): Promise<PolicyWriteReply> =>
    readPolicyWriteReply(await run('policy-write', [input.policy], input.changes)),
});
