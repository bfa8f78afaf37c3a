import { createHash } from 'node:crypto';
import { LOCAL_ACTOR } from '@rekey/schema';

/** The indexes from which assistants are listed. */
export type IndexName = 'id' | 'age' | 'change' | 'uncertain';

/**
 * The names of Rekey's keys in Redis. All begin with the prefix in braces, so that a Redis Cluster keeps them
 * in one slot. Upstream ids are percent-encoded, so that an id cannot change the structure of a key.
 */
export interface Keys {
  prefix: string;
  /** The stream of activity: who changed what. */
  activity: string;
  rotation(id: string): string;
  /** The index of rotations: `open` ones, or those in an end state. */
  rotations(index: string): string;
  /** What a request id stands for. Request ids belong to whoever used them: see `scopeOf`. */
  request(requestId: string, by?: string): string;
  /** How many request ids of all kinds came in each hour. */
  requestCounts: string;
  assistant(assistantId: string): string;
  current(assistantId: string): string;
  /** The last versions of an assistant. */
  versions(assistantId: string): string;
  /** The open intents of an org: assistants whose POST may be under way. */
  intents(orgId: string): string;
  /** The open intents of all orgs together. */
  allIntents: string;
  /** The assistants last published under an org, by when they were last listed or published. */
  assistants(orgId: string): string;
  /** The same assistants by id, by the age of the key, by the last change; and those that are uncertain. */
  index(order: IndexName, orgId: string): string;
  /** How far the indexes are complete, and the lock under which one worker completes them. */
  indexState: string;
  indexing: string;
  /** The ids of the orgs that anything was published under. */
  orgs: string;
  /** The ids of the orgs that a worker has an API key for, by when one said so; `*`: for any org. */
  configured: string;
  /** Org id → how many assistants were known at the end of its last sweep. */
  known: string;
  /** Checks that are due, as ORG/ASSISTANT, by time. */
  checks: string;
  /** Checks that may take their time: they use no more than the sweep's share of the request budget. */
  slowChecks: string;
  /** Org id → why it is held, as JSON. */
  held: string;
  /** While it exists, a held org is not swept again. */
  heldSwept(orgId: string): string;
  /** Assistant id → since when reads show an older key than the published one, as JSON. */
  stale: string;
  /** Assistants whose key went back to an older one at Invent, by the time of its publication. */
  rollbacks: string;
  /** The last `key-uncertain` event of each assistant that is uncertain now. */
  uncertain: string;
  /** The assistants whose entry cannot be read, and why. */
  quarantine: string;
  /** Assistants whose record is too long to be read: a hash of JSON. */
  tooLarge: string;
  /** Keys that another client has damaged, and how a command failed on each. */
  damaged: string;
  sweep(id: string): string;
  /** The index of sweeps. */
  sweeps: string;
  /** The QUEUED sweep of each org id; of all orgs under an empty id. */
  queuedSweeps: string;
  /** The lock under which all sweeps run. */
  sweeping: string;
  /** A bulk rotation: its hash, its ids, their states, the excluded ids, and its last failures. */
  bulk(id: string): string;
  bulkIds(id: string): string;
  bulkStates(id: string): string;
  bulkExcluded(id: string): string;
  bulkFailures(id: string): string;
  bulkRequest(requestId: string, by?: string): string;
  /** The index of bulk rotations; those that are worked on, and ended ones by time. */
  bulks: string;
  bulksActive: string;
  bulksEnded: string;
  /** Bulk rotations whose canary waits for consumers. */
  bulksAwaiting: string;
  /** Ended bulk rotations that had no assistants. */
  bulksEmpty: string;
  /** The request budget of the workers behind one address. */
  budget(egress: string): string;
  /** A rotation policy: its hash, and the assistants that it names. */
  policy(id: string): string;
  policyAssistants(id: string): string;
  policyRequest(requestId: string, by?: string): string;
  /** The index of policies. */
  policies: string;
  /** The stream, and the channel of the same name. */
  events: string;
  /** The stream of acknowledgements of all earlier consumers, which do not sign. */
  acks: string;
  /** The stream of the acknowledgements of one consumer. */
  acksOf(consumer: string): string;
  /** Name → consumer, as JSON. */
  consumers: string;
  /** Name → the orgs that a removed consumer had, as JSON. */
  formerConsumers: string;
  /** The signed manifest that proves the consumers. */
  registry: string;
  /** The channel on which each manifest is published as it is written. */
  registryWritten: string;
  /** When each access token was last used, in ms since 1970, by name. */
  tokenUses: string;
  /** The lock under which published records are sealed for other recipients. */
  resealing: string;
  /**
   * The lock under which workers identify the org that `c` stands for; and the orgs that are ruled out, by
   * time.
   */
  aliasing: string;
  aliasTried: string;
  /** The processes of Rekey by id, from their own reports. */
  processes: string;
  /** The lock under which one worker archives, and what that worker reports. */
  archiving: string;
  archive: string;
  seq: string;
  ledger: string;
  /** A process writes this key to test whether replicas have all earlier writes. */
  replicated(process: string): string;
  /** A process writes this key to test whether Redis accepts writes. */
  health(process: string): string;
  /** The channel on which the id of every ended rotation is published. */
  rotationEnded: string;
  /** The prefix that BullMQ puts before its own keys. */
  bull: string;
}

/**
 * The part of a key that tells the request ids of one principal from those of another. A name may be long and
 * may hold anything: its hash stands for it. Whoever needs no identity, and Rekey itself, share those without
 * this part, as all did in earlier versions.
 */
const scopeOf = (by = LOCAL_ACTOR.by): string =>
  by === LOCAL_ACTOR.by || by.startsWith(SYSTEM_PREFIX)
    ? ''
    : `${createHash('sha256').update(by).digest('base64url').slice(0, SCOPE_LENGTH)}:`;
const SYSTEM_PREFIX = 'system:';
const SCOPE_LENGTH = 22;

export const ledgerKeys = (name: string): Keys => {
  const prefix = `{${name}}`;
  return {
    prefix,
    activity: `${prefix}:activity`,
    rotation: (id) => `${prefix}:rotation:${id}`,
    rotations: (index) => `${prefix}:rotations:${index}`,
    requestCounts: `${prefix}:request-counts`,
    request: (requestId, by) => `${prefix}:request:${scopeOf(by)}${requestId}`,
    assistant: (assistantId) => `${prefix}:assistant:${encodeURIComponent(assistantId)}`,
    current: (assistantId) => `${prefix}:current:${encodeURIComponent(assistantId)}`,
    versions: (assistantId) => `${prefix}:versions:${encodeURIComponent(assistantId)}`,
    allIntents: `${prefix}:intents`,
    intents: (orgId) => `${prefix}:intents:${encodeURIComponent(orgId)}`,
    assistants: (orgId) => `${prefix}:assistants:${encodeURIComponent(orgId)}`,
    index: (order, orgId) => `${prefix}:index:${order}:${encodeURIComponent(orgId)}`,
    indexState: `${prefix}:index`,
    indexing: `${prefix}:indexing`,
    orgs: `${prefix}:orgs`,
    configured: `${prefix}:configured`,
    known: `${prefix}:known`,
    checks: `${prefix}:checks`,
    slowChecks: `${prefix}:checks:slow`,
    held: `${prefix}:held`,
    heldSwept: (orgId) => `${prefix}:held-swept:${encodeURIComponent(orgId)}`,
    stale: `${prefix}:stale`,
    rollbacks: `${prefix}:rollbacks`,
    uncertain: `${prefix}:uncertain`,
    quarantine: `${prefix}:quarantine`,
    tooLarge: `${prefix}:too-large`,
    damaged: `${prefix}:damaged`,
    sweep: (id) => `${prefix}:sweep:${id}`,
    sweeps: `${prefix}:sweeps`,
    queuedSweeps: `${prefix}:sweeps:QUEUED`,
    sweeping: `${prefix}:sweeping`,
    bulk: (id) => `${prefix}:bulk:${id}`,
    bulkIds: (id) => `${prefix}:bulk:${id}:ids`,
    bulkStates: (id) => `${prefix}:bulk:${id}:states`,
    bulkExcluded: (id) => `${prefix}:bulk:${id}:exclude`,
    bulkFailures: (id) => `${prefix}:bulk:${id}:failures`,
    bulkRequest: (requestId, by) => `${prefix}:bulk-request:${scopeOf(by)}${requestId}`,
    bulks: `${prefix}:bulks`,
    bulksActive: `${prefix}:bulks:active`,
    bulksEnded: `${prefix}:bulks:ended`,
    bulksAwaiting: `${prefix}:bulks:awaiting`,
    bulksEmpty: `${prefix}:bulks:empty`,
    budget: (egress) => `${prefix}:budget:${egress}`,
    policy: (id) => `${prefix}:policy:${id}`,
    policyAssistants: (id) => `${prefix}:policy:${id}:assistants`,
    policyRequest: (requestId, by) => `${prefix}:policy-request:${scopeOf(by)}${requestId}`,
    policies: `${prefix}:policies`,
    events: `${prefix}:events`,
    acks: `${prefix}:acks`,
    acksOf: (consumer) => `${prefix}:acks:${encodeURIComponent(consumer)}`,
    consumers: `${prefix}:consumers`,
    formerConsumers: `${prefix}:former-consumers`,
    registry: `${prefix}:registry`,
    registryWritten: `${prefix}:registry-written`,
    tokenUses: `${prefix}:token-uses`,
    resealing: `${prefix}:resealing`,
    aliasing: `${prefix}:aliasing`,
    aliasTried: `${prefix}:alias-tried`,
    processes: `${prefix}:processes`,
    archiving: `${prefix}:archiving`,
    archive: `${prefix}:archive`,
    seq: `${prefix}:seq`,
    ledger: `${prefix}:ledger`,
    replicated: (process) => `${prefix}:replicated:${process}`,
    health: (process) => `${prefix}:health:${process}`,
    rotationEnded: `${prefix}:rotation-ended`,
    bull: `${prefix}:bull`,
  };
};
