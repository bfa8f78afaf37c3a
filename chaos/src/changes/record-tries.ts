import { randomUUID } from 'node:crypto';
import { RekeyClientError, type RekeyClient } from '@rekey/client';
import type { ActivityType } from '@rekey/schema';
import { ORG, ORG_ALIAS } from '../system/assistants.ts';

/**
 * How many records the tries of a change make. `once`: one in all, however often it is repeated. `each`: one
 * for each try that took effect. `if needed`: as `each`, and none by a try that found it done.
 */
type Rule = 'once' | 'each' | 'if needed';

/** A change that a call asks for. */
interface Wanted {
  type: ActivityType;
  /** Undefined if only the response says it. */
  target: string | undefined;
  rule: Rule;
  /** Tries of the same change have the same. */
  key: string;
}

/** One call, and what the caller knows of its effect. `lost`: nothing. */
export interface Try extends Wanted {
  by: string;
  outcome: 'answered' | 'refused' | 'lost';
}

/** The end of a rotation that Rekey has made known as FAILED: it is recorded too, as its own act. */
export const failedRotation = (id: string): Try => ({
  ...requested('rotation.failed', 'rotation', id, { id })[0]!,
  by: 'system:rotation',
  outcome: 'answered',
});

type ChangeMethod =
  | 'rotateSecretKey'
  | 'createBulkRotation'
  | `${'pause' | 'resume' | 'cancel' | 'retry'}BulkRotation`
  | 'createRotationPolicy'
  | `${'pause' | 'resume' | 'delete'}RotationPolicy`
  | 'createSweep'
  | 'freeze'
  | 'unfreeze'
  | 'openBudget'
  | 'createToken'
  | 'revokeToken';

type Describe<Method extends ChangeMethod> = (
  args: Parameters<RekeyClient[Method]>,
  answer: Awaited<ReturnType<RekeyClient[Method]>> | undefined,
  by: string,
) => Wanted[];

/** A request with an id of its own. */
const requested = (
  type: ActivityType,
  kind: string,
  requestId: string | undefined,
  answer: { id: string } | undefined,
): Wanted[] => [{ type, rule: 'once', key: requestId ?? '', target: answer && `${kind}:${answer.id}` }];
const changed = (type: ActivityType, target: string, rule: Rule): Wanted[] => [
  { type, target, rule, key: target },
];

/** The response may be a sweep that was QUEUED already: it says who had requested it. */
const swept: Describe<'createSweep'> = ([{ orgId, acceptRemovals } = {}], answer, by) => {
  const target = answer && `sweep:${answer.id}`;
  const isOurs = answer === undefined || answer.requestedBy === by;
  return [
    ...(acceptRemovals ? changed('org.accepted', `org:${orgId === ORG_ALIAS ? ORG : orgId}`, 'each') : []),
    ...(isOurs
      ? [{ type: 'sweep.requested', rule: 'once', target, key: target ?? randomUUID() } as const]
      : []),
  ];
};

const changes: { [Method in ChangeMethod]: Describe<Method> } = {
  rotateSecretKey: ([{ requestId }], answer) =>
    requested('rotation.requested', 'rotation', requestId, answer),
  createBulkRotation: ([{ requestId }], answer) =>
    requested('bulk.created', 'bulkRotation', requestId, answer),
  pauseBulkRotation: ([id]) => changed('bulk.paused', `bulkRotation:${id}`, 'if needed'),
  resumeBulkRotation: ([id]) => changed('bulk.resumed', `bulkRotation:${id}`, 'if needed'),
  cancelBulkRotation: ([id]) => changed('bulk.cancelled', `bulkRotation:${id}`, 'once'),
  retryBulkRotation: ([id]) => changed('bulk.retried', `bulkRotation:${id}`, 'each'),
  createRotationPolicy: ([{ requestId }], answer) => requested('policy.created', 'policy', requestId, answer),
  pauseRotationPolicy: ([id]) => changed('policy.paused', `policy:${id}`, 'once'),
  resumeRotationPolicy: ([id]) => changed('policy.resumed', `policy:${id}`, 'once'),
  deleteRotationPolicy: ([id]) => changed('policy.deleted', `policy:${id}`, 'once'),
  createSweep: swept,
  freeze: () => changed('freeze.set', 'system:freeze', 'each'),
  unfreeze: () => changed('freeze.lifted', 'system:freeze', 'each'),
  openBudget: ([{ egress }]) => changed('budget.opened', `budget:${egress}`, 'each'),
  createToken: ([{ name }]) => changed('token.created', `token:${name}`, 'once'),
  revokeToken: ([name]) => changed('token.revoked', `token:${name}`, 'once'),
};

const REFUSED: readonly string[] = [
  'FAILED_PRECONDITION',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  'INVALID_ARGUMENT',
  'RESOURCE_EXHAUSTED',
];
/** Of the client itself: the call may have taken effect. */
const LOST: readonly string[] = ['CONNECTION_LIMITED', 'RESPONSE_TOO_LARGE'];

/** Whether the gateway has answered that it changed nothing. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof RekeyClientError && REFUSED.includes(error.grpcStatus) && !LOST.includes(error.code);

/** The same client, whose changes are noted in `tries`. */
export const recordTries = (client: RekeyClient, by: string, tries: Try[]): RekeyClient => {
  const recording = Object.entries(changes).map(([method, describe]) => {
    const call = client[method as ChangeMethod] as (...args: unknown[]) => Promise<unknown>;
    const note = (outcome: Try['outcome'], args: unknown[], answer?: unknown): void => {
      for (const wanted of describe(args as never, answer as never, by))
        tries.push({ ...wanted, by, outcome });
    };
    const record = async (...args: unknown[]): Promise<unknown> => {
      const answer = await call(...args).catch((error: unknown) => {
        note(isRefusal(error) ? 'refused' : 'lost', args);
        throw error;
      });
      note('answered', args, answer);
      return answer;
    };
    return [method, record];
  });
  return { ...client, ...(Object.fromEntries(recording) as Partial<RekeyClient>) };
};
