import type { ActivityType } from '@rekey/schema';
import type { Snapshot } from '../../scripts/faults/snapshot-fixture.ts';

type Hash = Record<string, string>;

/** A call of a command, with everything that the ledger held before and after it. */
interface WatchedCall {
  name: string;
  args: string[];
  before: Snapshot;
  after: Snapshot;
}

const hashOf = (snapshot: Snapshot, key: string): Hash => {
  const text = snapshot.holds.get(`{spec}:${key}`) ?? '';
  if (!text.startsWith('hash')) return {};
  const lines = text.slice(text.indexOf(' ', text.includes(' lapses ') ? 'hash lapses'.length : 0) + 1);
  return Object.fromEntries(
    lines.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
};

/** Each hash of one family that changed, before and after. */
const changedHashes = ({ before, after }: WatchedCall, family: string): [was: Hash, is: Hash][] => {
  const pattern = new RegExp(`^\\{spec\\}:${family}:[^:]+$`);
  const keys = new Set([...before.holds.keys(), ...after.holds.keys()].filter((key) => pattern.test(key)));
  return [...keys]
    .filter((key) => before.holds.get(key) !== after.holds.get(key))
    .map((key) => key.slice('{spec}:'.length))
    .map((key) => [hashOf(before, key), hashOf(after, key)]);
};

type Found = (ActivityType | false | undefined)[];
const is = (happened: unknown, type: ActivityType): Found => (happened ? [type] : []);

const ofRotations = (call: WatchedCall): Found =>
  changedHashes(call, 'rotation').flatMap(([was, now]): Found => {
    const isOwn = now['bulk'] === undefined;
    const to = was['state'] === now['state'] ? undefined : now['state'];
    return [
      ...is(was['state'] === undefined && to === 'QUEUED', 'rotation.requested'),
      ...is(was['state'] === 'QUEUED' && now['asked'] !== was['asked'], 'rotation.joined'),
      ...is(isOwn && to === 'CANCELLED', 'rotation.cancelled'),
      ...is(isOwn && to === 'FAILED', 'rotation.failed'),
      ...is(isOwn && to === 'RECONCILING', 'rotation.unknown'),
      ...is(now['operator'] === '1' && was['operator'] !== '1', 'rotation.operator_needed'),
    ];
  });

const STOPPED = ['PAUSED', 'HALTED'];
const CANCELLED = ['CANCELLING', 'CANCELLED'];
const ENDED = ['COMPLETED', 'FAILED', 'CANCELLED', 'VALIDATED'];
const ofBulks = (call: WatchedCall): Found =>
  changedHashes(call, 'bulk').flatMap(([was, now]): Found => {
    const [from = '', to = ''] = [was['state'], now['state']];
    const isResumed = call.name === 'bulk-transition' && STOPPED.includes(from) && !STOPPED.includes(to);
    return [
      ...is(from === '' && to !== '', 'bulk.created'),
      ...is(to === 'PAUSED' && (from !== to || was['why'] !== now['why']), 'bulk.paused'),
      ...is(to === 'HALTED' && from !== to, 'bulk.halted'),
      ...is(isResumed && !CANCELLED.includes(to), 'bulk.resumed'),
      ...is(from === 'COMPLETED' && to !== from, 'bulk.retried'),
      ...is(CANCELLED.includes(to) && !CANCELLED.includes(from), 'bulk.cancelled'),
      ...is(ENDED.includes(to) && to !== from, 'bulk.ended'),
    ];
  });

const ofPolicies = (call: WatchedCall): Found =>
  changedHashes(call, 'policy').flatMap(([was, now]): Found => {
    if (was['org'] === undefined) return ['policy.created'];
    if (now['org'] === undefined) return ['policy.deleted'];
    const differs = (field: string) => was[field] !== now[field];
    return [
      ...is(['every_days', 'reason', 'window_cron'].some(differs), 'policy.updated'),
      ...is(differs('paused'), now['paused'] === '1' ? 'policy.paused' : 'policy.resumed'),
      ...is(differs('due'), 'policy.begun'),
      ...is(differs('skipped'), 'policy.skipped'),
    ];
  });

const ofSweeps = (call: WatchedCall): Found =>
  changedHashes(call, 'sweep').flatMap(([was, now]): Found => {
    const counts = JSON.parse(now['counts'] ?? '{}') as { adopted?: number };
    const hasEnded = was['ended'] === undefined && now['ended'] !== undefined && was['state'] === 'RUNNING';
    return [
      ...is(was['state'] === undefined && now['state'] === 'QUEUED', 'sweep.requested'),
      ...is(hasEnded && now['state'] === 'FAILED', 'sweep.failed'),
      ...is(hasEnded && (counts.adopted ?? 0) > 0, 'drift.found'),
    ];
  });

const ofTheWhole = ({ name, before, after, args }: WatchedCall): Found => {
  const [was, now] = [hashOf(before, 'ledger'), hashOf(after, 'ledger')];
  const [held, holds] = [hashOf(before, 'held'), hashOf(after, 'held')];
  const isNew = (field: string) => now[field] !== undefined && was[field] !== now[field];
  const newHolds = Object.keys(holds).filter((org) => held[org] === undefined);
  const budget = (snapshot: Snapshot) => hashOf(snapshot, 'budget:e')['closed_until'];
  return [
    ...is(isNew('frozen'), 'freeze.set'),
    ...is(was['frozen'] !== undefined && now['frozen'] === undefined, 'freeze.lifted'),
    ...is(isNew('lost'), 'ledger.lost'),
    ...is(isNew('adopted'), 'ledger.adopted'),
    ...is(isNew('alias'), 'org.learned'),
    ...(name === 'org-alias' ? [] : newHolds.map(() => 'org.held' as const)),
    ...is(name === 'org-swept' && Object.keys(holds).length < Object.keys(held).length, 'org.released'),
    ...is(
      name === 'org-accept' && before.holds.get('{spec}:accepted') !== after.holds.get('{spec}:accepted'),
      'org.accepted',
    ),
    ...is(budget(before) !== undefined && budget(after) === undefined && args[3] === '', 'budget.opened'),
  ];
};

/** The facts of tokens in a stored manifest. */
const tokensOf = (snapshot: Snapshot): Record<string, string> => {
  const text = snapshot.holds.get('{spec}:registry') ?? '';
  if (!text.includes('{')) return {};
  const { facts } = JSON.parse(text.slice(text.indexOf('{'))) as { facts: [string, number, string][] };
  return Object.fromEntries(
    facts.filter(([name]) => name.startsWith('token:')).map(([name, , value]) => [name, value]),
  );
};

const ofTokens = ({ before, after }: WatchedCall): Found => {
  const [was, now] = [tokensOf(before), tokensOf(after)];
  return Object.entries(now).flatMap(([name, value]): Found => {
    if (value === was[name]) return [];
    return [value.startsWith('~') ? 'token.revoked' : 'token.created'];
  });
};

const ofConsumers = ({ before, after, args }: WatchedCall): Found => {
  const [was, now] = [hashOf(before, 'consumers'), hashOf(after, 'consumers')];
  const listed = (snapshot: Snapshot) => snapshot.holds.get('{spec}:registry') ?? '';
  const orgsOf = (text: string) => JSON.stringify((JSON.parse(text) as { orgs: string[] }).orgs);
  if (args.includes('trusted')) return ['registry.trusted'];
  if (listed(before) === listed(after) || args.includes('other')) return [];
  return [...new Set([...Object.keys(was), ...Object.keys(now)])].flatMap((name): Found => {
    const [from, to] = [was[name], now[name]];
    if (from === undefined) return is(to !== undefined, 'consumer.added');
    if (to === undefined) return ['consumer.removed'];
    if (from === to) return [];
    const grant = (text: string) => (JSON.parse(text) as { grant?: string }).grant;
    if (grant(from) !== grant(to)) return ['consumer.granted'];
    return is(orgsOf(from) !== orgsOf(to), 'consumer.orgs_set');
  });
};

interface Event {
  type: string;
  subject: string;
  data: { cause?: string };
}
const eventsOf = (snapshot: Snapshot): Event[] => {
  const text = snapshot.holds.get('{spec}:events') ?? 'stream ';
  return (
    text
      .slice('stream '.length)
      .split('\n')
      // A flow also writes entries that are no events.
      .filter((line) => line.startsWith('event={'))
      .map((line) => JSON.parse(line.slice('event='.length)) as Event)
  );
};
const ofReads = (call: WatchedCall): Found => {
  const { before, after, name } = call;
  const events = eventsOf(after).slice(eventsOf(before).length);
  return events.flatMap(({ type, subject, data }): Found => {
    const was = hashOf(before, `assistant:${subject}`);
    if (type.endsWith('uncertain.v1')) {
      const isFirst = changedHashes(call, 'rotation').some(([from]) => from['state'] === 'ROTATING');
      return is(name === 'mark-uncertain' || !isFirst, 'key.uncertain');
    }
    if (
      was['fingerprint'] === undefined ||
      was['fingerprint'] === hashOf(after, `assistant:${subject}`)['fingerprint']
    )
      return [];
    if (type.endsWith('removed.v1')) return ['key.removed'];
    return [
      ...is(data.cause === 'drift', 'key.changed_elsewhere'),
      ...is(data.cause === 'rollback', 'key.rolled_back'),
    ];
  });
};

/**
 * For specs only: the records that a change must have, from what the ledger held before and after a command.
 * It knows neither the code of the commands nor their records.
 */
export const activityOfChange = (call: WatchedCall): ActivityType[] =>
  [ofRotations, ofBulks, ofPolicies, ofSweeps, ofTheWhole, ofConsumers, ofTokens, ofReads]
    .flatMap((of) => of(call))
    .filter((type): type is ActivityType => typeof type === 'string')
    .toSorted();
