import { beforeAll, beforeEach } from '@jest/globals';
import type { InventClient, ListOutcome, ReadOutcome } from '@rekey/invent';
import {
  ledgerKeys,
  openLedger,
  type BulkRange,
  type BulkWork,
  type Bulks,
  type Claim,
  type Ledger,
} from '@rekey/ledger';
import { KeyEvent, type BulkRotation, type BulkSpec, type ErrorCode } from '@rekey/schema';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import type { BulkTaskDeps } from './bulk-task-deps.ts';
import { doBulkTask } from './bulk-task.ts';
import { checkAssistant } from '../../verification/checks/check-assistant.ts';
import type { Clock } from '../../shared/clock.ts';
import { silentLogger } from '@rekey/runtime';
import { silentMeter as meter } from '../../metrics/meter-fixture.ts';
import { openPolicyShare } from '../../policy/policy-share.ts';
import { findingOf } from '../../publishing/finding.ts';
import { createPublisher, type Publisher } from '../../publishing/publisher.ts';
import { noRecipients, sealer } from '../../publishing/sealing-fixture.ts';

export const HOUR_MS = 3_600_000;
export const PAGE = 100;
/** Pauses take no time. */
const clock: Clock = { nowMs: () => performance.now(), sleep: async () => {} };
const budget = { egress: 'spec', requestsPerMinute: 500 };
export const keys = ledgerKeys('spec');

/** An upstream of several orgs. */
export class Upstream {
  readonly orgs = new Map<string, Map<string, number>>();
  /** What the alias stands for. */
  alias = '';
  readonly unlisted = new Set<string>();
  /** Why nothing can be read. */
  refuses: ErrorCode | undefined;
  /** What LIST answers instead of its page. */
  list:
    | ((all: string[], page: number) => { ids: string[]; total?: number; unreadable?: string[] } | ErrorCode)
    | undefined;
  readonly requests: string[] = [];

  add(orgId: string, ...assistantIds: string[]): void {
    const org = this.orgs.get(orgId) ?? new Map<string, number>();
    for (const id of assistantIds) org.set(id, 0);
    this.orgs.set(orgId, org);
  }
  rotate(orgId: string, assistantId: string): void {
    const org = this.orgs.get(orgId)!;
    org.set(assistantId, org.get(assistantId)! + 1);
  }
  private org(orgId: string): Map<string, number> {
    return this.orgs.get(orgId === 'c' ? this.alias : orgId) ?? new Map<string, number>();
  }
  record(orgId: string, assistantId: string) {
    const secretKey = `${assistantId} ${this.org(orgId).get(assistantId)}`;
    return {
      id: assistantId,
      secretKey,
      deleted: false,
      json: JSON.stringify({ id: assistantId, secret_key: secretKey }),
      unexpected: [],
    };
  }
  readonly client: Pick<InventClient, 'getAssistant' | 'listAssistants'> = {
    getAssistant: async ({ orgId, assistantId }): Promise<ReadOutcome> => {
      this.requests.push(`GET ${orgId}/${assistantId}`);
      if (this.refuses) return { outcome: 'not-read', code: this.refuses, reason: 'scripted' };
      // The client refuses such a request too.
      if (assistantId.includes('\n'))
        return { outcome: 'not-read', code: 'INVALID_ARGUMENT', reason: 'INVALID_ARGUMENT' };
      if (!this.org(orgId).has(assistantId))
        return { outcome: 'not-read', code: 'ASSISTANT_NOT_FOUND', status: 404, reason: '404' };
      return { outcome: 'read', record: this.record(orgId, assistantId) };
    },
    listAssistants: async (orgId, page, { search = '' } = {}): Promise<ListOutcome> => {
      this.requests.push(`LIST ${orgId} ${page}`);
      if (this.refuses) return { outcome: 'not-read', code: this.refuses, reason: 'scripted' };
      const all = [...this.org(orgId).keys()].filter((id) => !this.unlisted.has(id) && id.includes(search));
      const scripted = this.list?.(all, page);
      if (typeof scripted === 'string') return { outcome: 'not-read', code: scripted, reason: 'scripted' };
      if (scripted) {
        const { ids, total, unreadable = [] } = scripted;
        return {
          outcome: 'read',
          page: { records: ids.map((id) => this.record(orgId, id)), unreadable, total },
        };
      }
      const records = all.slice((page - 1) * PAGE, page * PAGE).map((id) => this.record(orgId, id));
      return { outcome: 'read', page: { records, unreadable: [], total: all.length } };
    },
  };
}

export let redis: Redis;
export let ledger: Ledger;
export let bulks: Bulks;
export let work: BulkWork;
let publisher: Publisher;
export let upstream: Upstream;
let made = 0;
/** Registers the hooks of a spec. */
export const useBulkTasks = (): void => {
  useRedis((url) => (redis = new Redis(url)));
  beforeAll(() => {
    ledger = openLedger(redis, { prefix: 'spec', budget: { egress: 'spec', requestsPerMinute: 0 } });
    ({ bulks, bulkWork: work } = ledger);
    publisher = createPublisher({
      ledger,
      sealer,
      recipients: noRecipients,
      logger: silentLogger,
      clock,
      meter,
    });
  });
  beforeEach(() => {
    upstream = new Upstream();
  });
};

export const names = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `ast_${i + from}`);
const nextId = (kind: string): string => `${kind}_${String((made += 1)).padStart(26, '0')}`;
export const make = async (
  assistantIds: string[] | 'org',
  more: Partial<BulkSpec> = {},
): Promise<BulkRotation> => {
  const draft = bulks.draft(nextId('blk'));
  if (assistantIds !== 'org') await draft.add(assistantIds);
  const spec: BulkSpec = {
    orgId: 'org_a',
    reason: '',
    selection: { kind: assistantIds === 'org' ? 'org' : 'ids' },
    urgent: false,
    validateOnly: false,
    maxFailures: { percent: 100 },
    ...more,
  };
  return (await bulks.create(draft.id, spec, draft)).bulk;
};

/** Draws the next task, to prepare or to verify, and does it. */
export const doTask = async (more: Partial<BulkTaskDeps> = {}): Promise<void> => {
  const draw = await work.draw({
    token: 'w1',
    leaseMs: 60_000,
    size: 1,
    maxOpenIntents: 1000,
    ranges: false,
    tasks: true,
    except: [],
  });
  if (draw.kind !== 'prepare' && draw.kind !== 'verify')
    throw new Error(`drew ${draw.kind} instead of a task`);
  const deps = {
    ledger,
    publisher,
    clock,
    logger: silentLogger,
    meter,
    readLagMs: 0,
    invent: upstream.client,
    pacer: { take: async () => 0, unused: async () => {} },
  };
  const task = doBulkTask({
    ...deps,
    work,
    budget,
    retryForMs: HOUR_MS,
    check: checkAssistant(deps),
    openShare: openPolicyShare(ledger.policies),
    stopping: new AbortController().signal,
    ...more,
  });
  // The lease of the task ends at once, so that the spec can draw it again.
  await task(draw.kind, draw.bulkId, 'w1').finally(() => redis.hdel(keys.bulk(draw.bulkId), 'task_until'));
};
export const prepared = async (more?: Partial<BulkSpec>): Promise<BulkRotation> => {
  const { id } = await make('org', more);
  await doTask();
  return bulks.get(id);
};
export const idsOf = async ({ id }: { id: string }): Promise<string[]> =>
  (await bulks.items(id, {}, { size: 100_000, from: 0 })).items.map(({ assistantId }) => assistantId);
export const wordsOf = async ({ id }: { id: string }): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await bulks.items(id, {}, { size: 1000, from: 0 })).items.map(({ assistantId, state, errorCode }) => [
      assistantId,
      errorCode ?? state,
    ]),
  );

const rotateFor = async (claim: Claim): Promise<void> => {
  upstream.rotate(claim.orgId, claim.assistantId);
  const finding = findingOf(upstream.record(claim.orgId, claim.assistantId));
  await publisher.publish(
    claim,
    { redisMs: claim.atMs, clockMs: clock.nowMs() },
    { finding, cause: 'rotation', rotation: 'ends' },
  );
};
const claimSome = async (range: BulkRange): Promise<Claim[]> => {
  const items = range.waiting.map(({ index, assistantId }) => ({
    index,
    job: { rotationId: nextId('rot'), orgId: range.orgId, assistantId },
  }));
  const result = await work.claim(range, items, {
    leaseMs: 60_000,
    landingWindowMs: 60_000,
    maxOpenIntents: 1000,
  });
  return result.kind === 'claimed'
    ? result.items.flatMap((item) => (item.kind === 'claimed' ? [item.claim] : []))
    : [];
};
/** Rotates all waiting assistants. */
export const rotateAll = async (): Promise<void> => {
  for (;;) {
    const draw = await work.draw({
      token: 'w1',
      leaseMs: 60_000,
      size: 100,
      maxOpenIntents: 1000,
      ranges: true,
      tasks: false,
      except: [],
    });
    if (draw.kind !== 'range') return;
    for (const claim of await claimSome(draw.range)) await rotateFor(claim);
    await work.dropRange(draw.range, 'w1');
  }
};
export const rotateSingly = async (orgId: string, assistantId: string): Promise<void> => {
  const { rotation } = await ledger.rotations.accept(nextId('rot'), { orgId, assistantId, reason: '' });
  const result = await ledger.rotations.claim(
    { rotationId: rotation.id, orgId, assistantId },
    { leaseMs: 60_000, landingWindowMs: 60_000, maxOpenIntents: 1000 },
  );
  if (result.kind !== 'claimed') throw new Error(`the claim was answered with ${result.kind}`);
  await rotateFor(result.claim);
};
export const removals = async (): Promise<string[]> =>
  (await redis.xrange(keys.events, '-', '+'))
    .map(([, fields]) => KeyEvent.parse(JSON.parse(fields[1]!)))
    .filter(({ type }) => type.includes('removed'))
    .map(({ subject }) => subject);
export const corrupt = (assistantId: string) =>
  redis.pipeline().del(keys.assistant(assistantId)).set(keys.assistant(assistantId), 'x').exec();
export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: { code: string }) => error.code,
  );
