import type { ResponseOf } from '../connection/transport.ts';
import { date, text, withoutUnset, type ProtoTimestamp } from './values.ts';

export interface SystemStatus {
  /** What needs an operator, most urgent first; empty if all is clear. */
  attention: Attention[];
  /** Gateways and workers, live ones first; processes that are gone stay for a day. */
  processes: Process[];
  /** The sweep that ended last. */
  lastSweep?: EndedSweep;
  lastSuccessfulSweep?: EndedSweep;
  runningSweepId?: string;
  openBulkRotations: OpenBulkRotation[];
  /** Set while rotations are frozen. */
  frozen?: FrozenStatus;
  openRotationCount: number;
  /** Assistants of bulk rotations without a request yet. `openRotationCount` includes them. */
  waitingInBulksCount: number;
  failedRotationCount: number;
  openIntents: { orgId: string; count: number }[];
  /** The longest uncertain, up to 100. */
  uncertain: UncertainAssistant[];
  uncertainCount: number;
  /** The longest quarantined, up to 100. */
  quarantined: QuarantinedAssistant[];
  quarantinedCount: number;
  checkCount: number;
  /** Orgs on hold, longest first. */
  heldOrgs: HeldOrg[];
  /** The org that Invent's alias `c` stands for. Not set until something is known about it. */
  orgAlias?: OrgAlias;
  /** The archive of events and activity. Not set if none has reported, or the gateway cannot verify it. */
  archive?: ArchiveStatus;
  ledger?: LedgerStatus;
  /** The registry of consumers, as this gateway has verified it. Not set if it has verified none. */
  registry?: {
    registryRev: number;
    /** The gateway has no file that remembers the registry over a restart. */
    noMemory: boolean;
  };
  /** Who has reached a limit of its own at the gateway that answered, the most often refused first. */
  limitedCallers: LimitedCaller[];
}

/** What the worker that archives has reported and signed. */
export interface ArchiveStatus {
  archiveId: string;
  processId: string;
  reportTime?: Date;
  /** The positions of the last archived entries; `0-0` if there is none. */
  eventPosition: string;
  activityPosition: string;
  /** How many entries are not archived, and how many of each may be. */
  waitingEventCount: number;
  waitingActivityCount: number;
  maxWaitingCount: number;
  /** The last signed segment, 0 if there is none, and the SHA-256 of its digest file. */
  segment: number;
  digest?: string;
  /** Why nothing is archived. */
  problem?: string;
  /** When a gap was last found. */
  gapTime?: Date;
}

/** A caller, or an address, that was refused within the last minute because of a limit of its own. */
interface LimitedCaller {
  /**
   * The principal; for `failed-authentications` and `address-connections` the address, or the /64 of an IPv6
   * address.
   */
  caller: string;
  /** Such as `caller-calls`. Later versions may add limits. */
  limit: string;
  refusedCount: number;
  sinceTime?: Date;
}

/** Something that needs an operator. */
export interface Attention {
  /** Stable, in UPPER_SNAKE_CASE, such as NO_WORKER. Later versions may add codes. */
  code: string;
  /** Absent if unknown. */
  sinceTime?: Date;
  /** The id or name of what is affected; absent if it is Rekey as a whole. */
  subject?: string;
  message: string;
  advice: string;
}

/** A gateway or worker, by its own report. */
interface Process {
  id: string;
  /** `gateway` or `worker`. */
  kind: string;
  /** What it does, such as `rotating`. */
  roles: string[];
  version: string;
  startTime?: Date;
  seenTime?: Date;
  live: boolean;
}

interface EndedSweep {
  id: string;
  state: string;
  endTime?: Date;
  comparedCount: number;
  /** Why it FAILED. */
  reason?: string;
}

interface OpenBulkRotation {
  id: string;
  state: string;
  totalCount: number;
  doneCount: number;
}

interface FrozenStatus {
  sinceTime?: Date;
  reason: string;
  /** The principal that froze them. */
  requestedBy?: string;
}

interface UncertainAssistant {
  assistantId: string;
  sinceTime?: Date;
}

interface QuarantinedAssistant extends UncertainAssistant {
  why: string;
}

/**
 * An org in which more has changed at Invent than Rekey may publish without an operator. Consumers keep their
 * keys until Invent shows the known state again, or createSweep accepts the new one.
 */
export interface HeldOrg {
  orgId: string;
  sinceTime?: Date;
  /**
   * TOO_MANY_GONE, TOO_MANY_WITHOUT_KEY, TOO_MANY_CHANGED, ORG_CHANGED, KEYS_NOT_SHOWN. Later versions may
   * add reasons.
   */
  reason: string;
  /** The number of affected assistants at the last check, and of known ones. */
  affectedCount: number;
  knownCount: number;
}

/** The org that Invent's alias `c`, the org of the API key, stands for. */
export interface OrgAlias {
  /** Not set while unknown. */
  orgId?: string;
  /** `configured` (INVENT_ORG_ID) or `learned` (Invent has the same assistants under both names). */
  knownBy?: string;
  sinceTime?: Date;
  /** Why the evidence is contradictory, and which orgs it names. Not set if it is consistent. */
  conflict?: OrgAliasConflict;
}

interface OrgAliasConflict {
  why: string;
  orgIds: string[];
  sinceTime?: Date;
}

/** The identity of what Rekey knows, in Redis. */
interface LedgerStatus {
  id: string;
  beginTime?: Date;
  /** Since when the ledger before it is known to be lost: no key is replaced until adoptLedger. */
  lostTime?: Date;
  /** What the lost ledger held, if known. */
  before?: LedgerHoldings;
  now?: LedgerHoldings;
}

interface LedgerHoldings {
  assistantCount: number;
  consumerCount: number;
  policyCount: number;
}

type ProtoStatus = ResponseOf<'SystemService', 'GetStatus'>;

const toUncertain = ({
  assistantId,
  sinceTime,
}: {
  assistantId: string;
  sinceTime: ProtoTimestamp;
}): UncertainAssistant => withoutUnset<UncertainAssistant>({ assistantId, sinceTime: date(sinceTime) });

const toEndedSweep = (sweep: ProtoStatus['lastSweep']): EndedSweep | undefined =>
  sweep
    ? withoutUnset<EndedSweep>({
        id: sweep.id,
        state: sweep.state,
        endTime: date(sweep.endTime),
        comparedCount: sweep.comparedCount,
        reason: text(sweep.reason),
      })
    : undefined;

const toProcess = ({ startTime, seenTime, ...process }: ProtoStatus['processes'][number]): Process =>
  withoutUnset<Process>({ ...process, startTime: date(startTime), seenTime: date(seenTime) });

export const toStatus = (status: ProtoStatus): SystemStatus =>
  withoutUnset<SystemStatus>({
    attention: status.attention.map(({ code, sinceTime, subject, message, advice }) =>
      withoutUnset<Attention>({ code, sinceTime: date(sinceTime), subject: text(subject), message, advice }),
    ),
    processes: status.processes.map(toProcess),
    lastSweep: toEndedSweep(status.lastSweep),
    lastSuccessfulSweep: toEndedSweep(status.lastSuccessfulSweep),
    runningSweepId: text(status.runningSweepId),
    openBulkRotations: status.openBulkRotations,
    frozen: status.frozen
      ? withoutUnset<FrozenStatus>({
          sinceTime: date(status.frozen.sinceTime),
          reason: status.frozen.reason,
          requestedBy: text(status.frozen.requestedBy),
        })
      : undefined,
    openRotationCount: status.openRotationCount,
    waitingInBulksCount: status.waitingInBulksCount,
    failedRotationCount: status.failedRotationCount,
    openIntents: status.openIntents,
    uncertain: status.uncertain.map(toUncertain),
    uncertainCount: status.uncertainCount,
    quarantined: status.quarantined.map((one) => ({ ...toUncertain(one), why: one.why })),
    quarantinedCount: status.quarantinedCount,
    checkCount: status.checkCount,
    heldOrgs: status.heldOrgs.map(({ orgId, sinceTime, reason, affectedCount, knownCount }) =>
      withoutUnset<HeldOrg>({ orgId, sinceTime: date(sinceTime), reason, affectedCount, knownCount }),
    ),
    orgAlias: status.orgAlias ? toOrgAlias(status.orgAlias) : undefined,
    archive: status.archive ? toArchive(status.archive) : undefined,
    ledger: status.ledger ? toLedger(status.ledger) : undefined,
    registry: status.registry
      ? { registryRev: Number(status.registry.registryRev), noMemory: status.registry.noMemory }
      : undefined,
    limitedCallers: status.limitedCallers.map(({ caller, limit, refusedCount, sinceTime }) =>
      withoutUnset<LimitedCaller>({
        caller,
        limit,
        refusedCount: Number(refusedCount),
        sinceTime: date(sinceTime),
      }),
    ),
  });

const toArchive = (archive: NonNullable<ProtoStatus['archive']>): ArchiveStatus =>
  withoutUnset<ArchiveStatus>({
    archiveId: archive.archiveId,
    processId: archive.processId,
    reportTime: date(archive.reportTime),
    eventPosition: archive.eventPosition,
    activityPosition: archive.activityPosition,
    waitingEventCount: Number(archive.waitingEventCount),
    waitingActivityCount: Number(archive.waitingActivityCount),
    maxWaitingCount: Number(archive.maxWaitingCount),
    segment: Number(archive.segment),
    digest: text(archive.digest),
    problem: text(archive.problem),
    gapTime: date(archive.gapTime),
  });

const toOrgAlias = (alias: NonNullable<ProtoStatus['orgAlias']>): OrgAlias =>
  withoutUnset<OrgAlias>({
    orgId: text(alias.orgId),
    knownBy: text(alias.knownBy),
    sinceTime: date(alias.sinceTime),
    conflict:
      alias.conflict === ''
        ? undefined
        : withoutUnset<OrgAliasConflict>({
            why: alias.conflict,
            orgIds: alias.conflictOrgIds,
            sinceTime: date(alias.conflictTime),
          }),
  });

const toLedger = ({
  id,
  beginTime,
  lostTime,
  before,
  now,
}: NonNullable<ProtoStatus['ledger']>): LedgerStatus =>
  withoutUnset<LedgerStatus>({
    id,
    beginTime: date(beginTime),
    lostTime: date(lostTime),
    before: before ?? undefined,
    now: now ?? undefined,
  });
