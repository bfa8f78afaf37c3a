import { beforeEach } from '@jest/globals';
import type { InventClient, ListOutcome, ReadOutcome } from '@rekey/invent';
import { openLedger, type Consumers, type Ledger, type OrgAlias } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { KeyEvent, noSweepCounts, type Consumer, type ErrorCode } from '@rekey/schema';
import {
  generateConsumerKey,
  generateSharedKeys,
  openRecord,
  parseConsumerKey,
  parseSharedKeys,
  sealGrant,
} from '@rekey/sealing';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { checkAssistant } from '../verification/checks/check-assistant.ts';
import type { Clock } from '../shared/clock.ts';
import { createRecordingLogger, type LoggedEvent } from '@rekey/runtime';
import { silentMeter as meter } from '../metrics/meter-fixture.ts';
import { findingOf } from '../publishing/finding.ts';
import { createPublisher, type Publisher } from '../publishing/publisher.ts';
import { createRecipients, type Recipients } from '../publishing/recipients.ts';
import { sealer } from '../publishing/sealing-fixture.ts';
import { askByOneName, orgsByOneName } from './one-name.ts';
import type { OrgAliasDeps } from './org-alias-deps.ts';
import { keepOrgAlias, type OrgAliasKeeper } from './org-alias.ts';
import { sweep } from '../verification/sweep/sweep.ts';

/**
 * An Invent with several orgs. Its alias stands for the org of the API key, which may use all orgs or only
 * some.
 */
class Upstream {
  readonly orgs = new Map<string, Map<string, number>>();
  alias = 'org_real';
  /** Orgs that the API key may not use. */
  readonly forbidden = new Set<string>();
  /** Finds every assistant under any org. */
  ignoresOrg = false;
  /** The same, but only under orgs that exist. */
  ignoresKnownOrgs = false;
  /** Why no request is answered. */
  refuses: ErrorCode | undefined;
  /** Called before each request. */
  onRequest: (request: string) => void = () => {};
  readonly requests: string[] = [];

  add(orgId: string, ...assistantIds: string[]): void {
    const org = this.orgs.get(orgId) ?? new Map<string, number>();
    for (const id of assistantIds) org.set(id, 0);
    this.orgs.set(orgId, org);
  }
  rotate(assistantId: string): void {
    for (const org of this.orgs.values())
      if (org.has(assistantId)) org.set(assistantId, org.get(assistantId)! + 1);
  }
  move(assistantId: string, from: string, to: string): void {
    this.add(to, assistantId);
    this.orgs.get(to)!.set(assistantId, this.orgs.get(from)!.get(assistantId)!);
    this.orgs.get(from)!.delete(assistantId);
  }
  private all(orgId: string): Map<string, number> {
    const name = orgId === 'c' ? this.alias : orgId;
    if (this.ignoresOrg || (this.ignoresKnownOrgs && this.orgs.has(name)))
      return new Map([...this.orgs.values()].flatMap((org) => [...org]));
    return this.orgs.get(name) ?? new Map<string, number>();
  }
  private refusal(orgId: string): (ReadOutcome & { outcome: 'not-read' }) | undefined {
    if (this.refuses) return { outcome: 'not-read', code: this.refuses, reason: 'scripted' };
    if (this.forbidden.has(orgId))
      return { outcome: 'not-read', code: 'UPSTREAM_FORBIDDEN', status: 403, reason: '403' };
    return undefined;
  }
  record(orgId: string, id: string) {
    const secretKey = `sk_${id}_${this.all(orgId).get(id)}`;
    return {
      id,
      secretKey,
      deleted: false,
      json: `{"id":"${id}", "big":12345678901234567890.10,"secret_key":"${secretKey}"}`,
      unexpected: [],
    };
  }
  readonly client: Pick<InventClient, 'getAssistant' | 'listAssistants'> = {
    getAssistant: async ({ orgId, assistantId }) => {
      const request = `GET ${orgId}/${assistantId}`;
      this.onRequest(request);
      this.requests.push(request);
      const refused = this.refusal(orgId);
      if (refused) return refused;
      if (!this.all(orgId).has(assistantId))
        return { outcome: 'not-read', code: 'ASSISTANT_NOT_FOUND', status: 404, reason: '404' };
      return { outcome: 'read', record: this.record(orgId, assistantId) };
    },
    listAssistants: async (orgId, page): Promise<ListOutcome> => {
      const request = `LIST ${orgId}`;
      this.onRequest(request);
      this.requests.push(request);
      const refused = this.refusal(orgId);
      if (refused) return refused;
      const ids = this.ignoresKnownOrgs
        ? [...(this.orgs.get(orgId === 'c' ? this.alias : orgId) ?? new Map<string, number>()).keys()]
        : [...this.all(orgId).keys()];
      return {
        outcome: 'read',
        page: {
          records: ids.slice((page - 1) * 100, page * 100).map((id) => this.record(orgId, id)),
          unreadable: [],
          total: ids.length,
        },
      };
    },
  };
}

export let redis: Redis;
export let ledger: Ledger;
export let consumers: Consumers;
export let alias: OrgAlias;
export let upstream: Upstream;
let recipients: Recipients;
let publisher: Publisher;
export let keeper: OrgAliasKeeper;
export let logged: LoggedEvent[];
let passedMs: number;
let logger: Logger;
export const clock: Clock = { nowMs: () => performance.now() + passedMs, sleep: async () => {} };

/** The ledger as another process has it: processes do not share what they believe. */
export const openSpecLedger = (): Ledger =>
  openLedger(redis, { prefix: 'spec', registry: { key: sealer.registryKey } });

/** A worker that has just read the recipients from the ledger. */
export const startWorker = async (more: Partial<OrgAliasDeps> = {}, by: Ledger = ledger) => {
  const own = createRecipients({ registry: by.registry, sealer, logger });
  await own.refresh();
  const deps: OrgAliasDeps = {
    alias: by.alias,
    consumers: by.consumers,
    recipients: own,
    checks: ledger.assistants,
    prober: upstream.client,
    hasKey: () => true,
    configured: undefined,
    pacer: { take: async () => 0 },
    clock,
    logger,
    stopping: new AbortController().signal,
    ...more,
  };
  return {
    recipients: own,
    publisher: createPublisher({ ledger, sealer, recipients: own, logger, clock, meter }),
    keeper: keepOrgAlias(deps),
  };
};
/** Registers the hooks of a spec. */
export const useOrgAlias = (): void => {
  useRedis((url) => (redis = new Redis(url)));
  beforeEach(async () => {
    ({ logger, logged } = createRecordingLogger());
    passedMs = 0;
    ledger = openSpecLedger();
    ({ consumers, alias } = ledger);
    upstream = new Upstream();
    upstream.add('org_real', 'ast_1', 'ast_2', 'ast_3');
    upstream.add('org_other', 'ast_o1');
    ({ recipients, publisher, keeper } = await startWorker());
  });
};

export const pass = (ms: number): void => {
  passedMs += ms;
};

export const looked = async (orgId: string, assistantId: string) => {
  const result = await ledger.assistants.beginCheck({ orgId, assistantId });
  if (result.kind !== 'begun') throw new Error(result.kind);
  return result.hold;
};
/** Publishes what Invent has, under this org id. */
export const publish = async (orgId: string, ...assistantIds: string[]) => {
  for (const assistantId of assistantIds) {
    const hold = await looked(orgId, assistantId);
    const record = upstream.record(orgId === 'c' ? upstream.alias : orgId, assistantId);
    const read = { beganMs: hold.atMs, lagMs: 0 };
    await publisher.publish(
      hold,
      { redisMs: hold.atMs, clockMs: clock.nowMs() },
      { finding: findingOf(record), cause: 'import', rotation: 'continues', read },
    );
  }
};
export const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `ast_n${i}`);
export const known = async () => (await alias.read()).known?.orgId;
export const conflict = async () => (await alias.read()).conflict?.why;
export const event = async (assistantId: string) =>
  KeyEvent.parse(JSON.parse((await redis.get(`{spec}:current:${assistantId}`))!));
export const published = async (assistantId: string) => {
  const { source, data } = await event(assistantId);
  return [
    source.split('/')[2],
    'cause' in data ? data.cause : '',
    ((await openRecord(sealer, (await event(assistantId)) as never)) as { assistant: { secret_key: string } })
      .assistant.secret_key,
  ];
};
/** Adds a consumer that has its grant. */
export const addConsumer = async (name: string, orgs: string[]) => {
  const { d: _, ...key } = await generateConsumerKey('X25519');
  const sharedKeys = await generateSharedKeys();
  const to = await parseConsumerKey(key);
  const grant = await sealGrant({
    consumer: name,
    sharedKeys,
    to,
    signer: sealer.signer,
    revision: Date.now() * 1000,
    nowMs: Date.now(),
  });
  await consumers.write(
    name,
    undefined,
    {
      name,
      orgs,
      state: 'ACTIVE',
      created_at: '',
      key: { ...key, kid: to.kid },
      grant,
      kept: JSON.parse(sealer.sealOwn(sharedKeys, 'kept')),
    } as Consumer,
    { reseals: true },
  );
  await recipients.refresh();
  return parseSharedKeys(sharedKeys);
};
/** Names an org by adding a consumer that may read it. */
export const name = (orgId: string) => addConsumer('namer', [orgId]);

/** Makes the checks that the renaming has requested. */
export const makeChecks = async (): Promise<void> => {
  const { check } = await openSweep();
  for (;;) {
    const due = await ledger.assistants.drawChecks(100, 60_000, { slow: true });
    if (due.length === 0) return;
    for (const one of due) {
      await check(one);
      await ledger.assistants.endCheck(one);
    }
  }
};

/** Sweeps all orgs, with API keys for these. */
export const sweepAll = async (configuredOrgs: string[] = ['c']) => {
  const { all, counts, check } = await openSweep(configuredOrgs);
  await all(undefined, counts, async () => {});
  return { counts, check };
};

const openSweep = async (configuredOrgs: string[] = ['c']) => {
  // The worker whose round this was may not be the one that the fixture has started.
  await recipients.refresh();
  const invent = askByOneName(
    {
      ...upstream.client,
      rotateSecretKey: async () => ({ outcome: 'unknown', reason: '' }),
      close: async () => {},
    },
    recipients.nameOf,
  );
  const common = {
    ledger,
    invent,
    publisher,
    clock,
    logger,
    meter,
    readLagMs: 0,
    pacer: { take: async () => 0, unused: async () => {} },
  };
  const check = checkAssistant({ ...common, nameOf: recipients.nameOf });
  const counts = { ...noSweepCounts };
  const all = sweep({
    ...common,
    ledger: {
      ...ledger,
      orgs: { ...ledger.orgs, list: () => orgsByOneName(ledger, recipients.nameOf) },
    },
    check,
    configuredOrgs: () => configuredOrgs.map(recipients.nameOf),
  });
  return { all, counts, check };
};
