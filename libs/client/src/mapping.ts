import type {
  GatewayClient,
  ProtoBulkItem,
  ProtoBulkRotation,
  ProtoConsumer,
  ProtoPolicy,
  ProtoRotation,
  ProtoStatus,
  ProtoSweep,
} from '@rekey/rpc';
import type {
  Assistant,
  Attention,
  BulkItem,
  BulkList,
  BulkRotation,
  Canary,
  Consumer,
  ConsumerInstance,
  ConsumerReach,
  Explanation,
  FailureLimit,
  HeldOrg,
  OrgAlias,
  Rotation,
  RotationPolicy,
  Sweep,
  SystemStatus,
  UnappliedVersion,
} from './models.ts';

type ProtoAssistant = Awaited<ReturnType<GatewayClient['getAssistant']>>;
type ProtoTimestamp = ProtoRotation['createTime'];
type ProtoDuration = ProtoBulkRotation['remaining'];

/** Every field has to be mentioned; those that are undefined are left out. */
const withoutUnset = <T extends object>(fields: { [K in keyof Required<T>]: T[K] | undefined }): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;

const date = (timestamp: ProtoTimestamp): Date | undefined =>
  timestamp ? new Date(Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1e6)) : undefined;
const setDate = (timestamp: ProtoTimestamp): Date => date(timestamp) ?? new Date(0);
const milliseconds = (duration: ProtoDuration): number | undefined =>
  duration ? Number(duration.seconds) * 1000 + duration.nanos / 1e6 : undefined;
const text = (value: string): string | undefined => value || undefined;
const number = (value: number | string): number | undefined => Number(value) || undefined;
/** proto3's zero of an enum says that nothing is set. */
const named = <Name extends string>(name: Name): Exclude<Name, `${string}_UNSPECIFIED`> | undefined =>
  String(name).endsWith('_UNSPECIFIED') ? undefined : (name as Exclude<Name, `${string}_UNSPECIFIED`>);
/** Never answered unset. A state of a later version of the contract comes as its number. */
const state = <Name extends string>(name: Name): Exclude<Name, 'STATE_UNSPECIFIED'> =>
  name as Exclude<Name, 'STATE_UNSPECIFIED'>;
const explanation = (error: Explanation | null): Explanation | undefined =>
  error ? { reason: error.reason, message: error.message, advice: error.advice } : undefined;

const failureLimit = (limit: ProtoBulkRotation['maxFailures']): FailureLimit | undefined => {
  if (limit?.count !== undefined) return { count: limit.count };
  return limit?.percent === undefined ? undefined : { percent: limit.percent };
};

/** None is not set: most answers have none, also where there are consumers. */
const reach = (consumers: ProtoRotation['consumers']): ConsumerReach[] | undefined =>
  consumers.length > 0
    ? consumers.map(({ consumer, state: reached }) => ({ name: consumer, state: state(reached) }))
    : undefined;

/** Throws a TypeError of an Invalid Date, which would travel as 1970. */
export const toTimestamp = (time: Date): { seconds: number; nanos: number } => {
  const ms = time.getTime();
  if (Number.isNaN(ms)) throw new TypeError('a time must be a valid Date');
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1e6 };
};
export const toDuration = (ms: number): { seconds: number; nanos: number } => ({
  seconds: Math.floor(ms / 1000),
  nanos: Math.floor((ms % 1000) * 1e6),
});

export const toRotation = (rotation: ProtoRotation): Rotation =>
  withoutUnset<Rotation>({
    id: rotation.id,
    orgId: rotation.orgId,
    assistantId: rotation.assistantId,
    state: state(rotation.state),
    reason: rotation.reason,
    requestId: text(rotation.requestId),
    createTime: setDate(rotation.createTime),
    startTime: date(rotation.startTime),
    updateTime: setDate(rotation.updateTime),
    endTime: date(rotation.endTime),
    attemptCount: rotation.attemptCount,
    version: number(rotation.version),
    cause: named(rotation.cause),
    error: rotation.error
      ? withoutUnset<NonNullable<Rotation['error']>>({
          ...explanation(rotation.error)!,
          upstreamStatus: number(rotation.error.upstreamStatus),
        })
      : undefined,
    reconciliation: rotation.reconciliation
      ? withoutUnset<NonNullable<Rotation['reconciliation']>>({
          sinceTime: date(rotation.reconciliation.sinceTime),
          nextReadTime: date(rotation.reconciliation.nextReadTime),
          operatorNeeded: rotation.reconciliation.operatorNeeded,
          advice: rotation.reconciliation.advice,
          readError: text(rotation.reconciliation.readError),
        })
      : undefined,
    bulkRotationId: text(rotation.bulkRotationId),
    consumers: reach(rotation.consumers),
    noLiveWorker: rotation.noLiveWorker || undefined,
  });

export const toBulkRotation = (bulk: ProtoBulkRotation): BulkRotation =>
  withoutUnset<BulkRotation>({
    id: bulk.id,
    orgId: bulk.orgId,
    state: state(bulk.state),
    reason: bulk.reason,
    requestId: text(bulk.requestId),
    createTime: setDate(bulk.createTime),
    startTime: date(bulk.startTime),
    updateTime: setDate(bulk.updateTime),
    endTime: date(bulk.endTime),
    urgent: bulk.urgent,
    validateOnly: bulk.validateOnly,
    explicit: bulk.explicit,
    search: text(bulk.search),
    rotatedBefore: date(bulk.rotatedBefore),
    canary: (bulk.canary ?? undefined) as Canary | undefined,
    maxFailures: failureLimit(bulk.maxFailures),
    counts: bulk.counts!,
    stop: explanation(bulk.stop),
    rate: number(bulk.rate),
    remainingMs: milliseconds(bulk.remaining),
    estimate: bulk.estimate
      ? { requestCount: bulk.estimate.requestCount, durationMs: milliseconds(bulk.estimate.duration) ?? 0 }
      : undefined,
    verification: bulk.verification ?? undefined,
    list: bulk.list
      ? withoutUnset<BulkList>({
          incomplete: bulk.list.incomplete,
          listedCount: bulk.list.listedCount,
          inventCount: bulk.list.inventCount === undefined ? undefined : Number(bulk.list.inventCount),
          unreadableCount: bulk.list.unreadableCount,
        })
      : undefined,
    lastFailures: bulk.lastFailures.map(({ assistantId, reason, time }) => ({
      assistantId,
      reason,
      time: setDate(time),
    })),
    policyId: text(bulk.policyId),
    consumers: reach(bulk.consumers),
    noLiveWorker: bulk.noLiveWorker || undefined,
  });

export const toBulkItem = (item: ProtoBulkItem): BulkItem =>
  withoutUnset<BulkItem>({
    assistantId: item.assistantId,
    state: state(item.state),
    error: explanation(item.error),
  });

export const toAssistant = (assistant: ProtoAssistant): Assistant =>
  withoutUnset<Assistant>({
    assistantId: assistant.assistantId,
    version: Number(assistant.version),
    cause: assistant.cause as Assistant['cause'],
    rotationId: text(assistant.rotationId),
    updateTime: setDate(assistant.updateTime),
    fingerprint: text(assistant.fingerprint),
    sealed: text(assistant.sealed),
    uncertainTime: date(assistant.uncertainTime),
    removal: named(assistant.removal),
  });

export const toPolicy = (policy: ProtoPolicy): RotationPolicy =>
  withoutUnset<RotationPolicy>({
    id: policy.id,
    orgId: policy.orgId,
    assistantCount: number(policy.assistantCount),
    everyDays: policy.everyDays,
    window: withoutUnset<RotationPolicy['window']>({
      cron: policy.window?.cron ?? '',
      timeZone: policy.window?.timeZone ?? '',
      lengthMs: milliseconds(policy.window?.length ?? null),
    }),
    maxFailures: failureLimit(policy.maxFailures),
    reason: policy.reason,
    requestId: text(policy.requestId),
    paused: policy.paused,
    createTime: setDate(policy.createTime),
    updateTime: setDate(policy.updateTime),
    nextDueTime: date(policy.nextDueTime),
    lastDueTime: date(policy.lastDueTime),
    lastBulkRotationId: text(policy.lastBulkRotationId),
    nextDueError: explanation(policy.nextDueError),
  });

export const toSweep = (sweep: ProtoSweep): Sweep =>
  withoutUnset<Sweep>({
    id: sweep.id,
    orgId: text(sweep.orgId),
    state: state(sweep.state),
    createTime: setDate(sweep.createTime),
    startTime: date(sweep.startTime),
    updateTime: setDate(sweep.updateTime),
    endTime: date(sweep.endTime),
    counts: sweep.counts!,
    error: explanation(sweep.error),
  });

const toUnapplied = ({
  assistantId,
  version,
  why,
}: ProtoConsumer['instances'][number]['unapplied'][number]): UnappliedVersion =>
  withoutUnset<UnappliedVersion>({ assistantId, version: number(version), why });

const toConsumerInstance = (instance: ProtoConsumer['instances'][number]): ConsumerInstance => ({
  id: instance.id,
  live: instance.live,
  heardTime: setDate(instance.heardTime),
  position: instance.position,
  seq: Number(instance.seq),
  keyCount: Number(instance.keyCount),
  unappliedCount: Number(instance.unappliedCount),
  unapplied: instance.unapplied.map(toUnapplied),
  refusedCount: Number(instance.refusedCount),
  refused: instance.refused.map(toUnapplied),
});

export const toConsumer = (consumer: ProtoConsumer): Consumer =>
  withoutUnset<Consumer>({
    name: consumer.name,
    orgs: consumer.orgs,
    state: state(consumer.state),
    createTime: setDate(consumer.createTime),
    keyType: consumer.keyType,
    keyId: text(consumer.keyId),
    instances: consumer.instances.map(toConsumerInstance),
    live: consumer.live,
    lagEvents: Number(consumer.lagEvents),
    lagMs: milliseconds(consumer.lag),
  });

const since = ({ assistantId, sinceTime }: { assistantId: string; sinceTime: ProtoTimestamp }) =>
  withoutUnset<{ assistantId: string; sinceTime?: Date }>({ assistantId, sinceTime: date(sinceTime) });

export const toStatus = (status: ProtoStatus): SystemStatus =>
  withoutUnset<SystemStatus>({
    attention: status.attention.map(({ code, sinceTime, subject, message, advice }) =>
      withoutUnset<Attention>({ code, sinceTime: date(sinceTime), subject: text(subject), message, advice }),
    ),
    frozen: status.frozen
      ? withoutUnset<NonNullable<SystemStatus['frozen']>>({
          sinceTime: date(status.frozen.sinceTime),
          reason: status.frozen.reason,
        })
      : undefined,
    openRotationCount: status.openRotationCount,
    failedRotationCount: status.failedRotationCount,
    openIntents: status.openIntents,
    uncertain: status.uncertain.map(since),
    uncertainCount: status.uncertainCount,
    quarantined: status.quarantined.map((one) => ({ ...since(one), why: one.why })),
    quarantinedCount: status.quarantinedCount,
    checkCount: status.checkCount,
    heldOrgs: status.heldOrgs.map(({ orgId, sinceTime, reason, affectedCount, knownCount }) =>
      withoutUnset<HeldOrg>({ orgId, sinceTime: date(sinceTime), reason, affectedCount, knownCount }),
    ),
    orgAlias: status.orgAlias ? toOrgAlias(status.orgAlias) : undefined,
  });

const toOrgAlias = (alias: NonNullable<ProtoStatus['orgAlias']>): OrgAlias =>
  withoutUnset<OrgAlias>({
    orgId: alias.orgId || undefined,
    knownBy: alias.knownBy || undefined,
    sinceTime: date(alias.sinceTime),
    conflict:
      alias.conflict === ''
        ? undefined
        : withoutUnset<NonNullable<OrgAlias['conflict']>>({
            why: alias.conflict,
            orgIds: alias.conflictOrgIds,
            sinceTime: date(alias.conflictTime),
          }),
  });
