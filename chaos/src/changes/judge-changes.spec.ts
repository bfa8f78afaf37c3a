import { describe, expect, it } from '@jest/globals';
import { RekeyClientError, type RekeyClient } from '@rekey/client';
import { areChangesRecorded, judgeChanges } from './judge-changes.ts';
import { failedRotation, recordTries, type Try } from './record-tries.ts';
import type { SeenRecord } from './seen-record.ts';

const BY = 'token:requester';
/** A client whose calls end as given, in turn. */
const calling = (...outcomes: (object | Error)[]) => {
  const tries: Try[] = [];
  const answer = async () => {
    const outcome = outcomes.shift()!;
    if (outcome instanceof Error) throw outcome;
    return outcome;
  };
  const fake = new Proxy({}, { get: () => answer, ownKeys: () => [] }) as RekeyClient;
  const client = recordTries(fake, BY, tries);
  return { client, tries };
};
const lost = () => new RekeyClientError('GATEWAY_UNAVAILABLE');
const refused = () => new RekeyClientError('POLICY_NOT_FOUND');

let position = 0;
const record = (type: string, target: string, more: Partial<SeenRecord> = {}): SeenRecord => ({
  position: `${(position += 1)}-0`,
  by: BY,
  type,
  target,
  ...more,
});
const judged = (records: SeenRecord[], tries: Try[], states: Record<string, string> = {}) =>
  judgeChanges(records, tries, new Map(Object.entries(states)));

describe('a request with an id', () => {
  const requesting = async () => {
    const { client, tries } = calling(lost(), { id: 'rot_1' });
    const request = { orgId: 'org_1', assistantId: 'ast_1', requestId: 'one' };
    await client.rotateSecretKey(request).catch(() => {});
    await client.rotateSecretKey(request);
    return tries;
  };

  it('has one record, whichever of its tries took effect', async () => {
    const tries = await requesting();
    const verdict = judged([record('rotation.requested', 'rotation:rot_1')], tries);
    expect(verdict).toMatchObject({ answered: 1, lost: 1, recorded: { [BY]: 1 } });
    expect(areChangesRecorded(verdict)).toBe(true);
  });

  it('has no second one, and none under another name', async () => {
    const tries = await requesting();
    const one = record('rotation.requested', 'rotation:rot_1');
    expect(judged([one, one], tries).twice).toHaveLength(2);
    expect(judged([{ ...one, by: 'local' }], tries)).toMatchObject({
      missing: [`rotation.requested rotation:rot_1 by ${BY}`],
      unknown: [`${one.position}: rotation.requested rotation:rot_1 by local`],
    });
    expect(judged([], tries).missing).toHaveLength(1);
  });

  it('may have joined a rotation, which was requested once', async () => {
    const { client, tries } = calling({ id: 'rot_1' }, { id: 'rot_1' });
    for (const requestId of ['one', 'two'])
      await client.rotateSecretKey({ orgId: 'org_1', assistantId: 'ast_1', requestId });
    const types = (...all: string[]) => all.map((type) => record(type, 'rotation:rot_1'));
    expect(areChangesRecorded(judged(types('rotation.requested', 'rotation.joined'), tries))).toBe(true);
    expect(judged(types('rotation.requested'), tries).missing).toHaveLength(1);
    expect(judged(types('rotation.requested', 'rotation.requested'), tries).twice).toHaveLength(1);
  });
});

describe('a change whose answer was lost', () => {
  it('is recorded at most once for each try', async () => {
    const { client, tries } = calling(lost(), {});
    await client.freeze({ reason: 'x' }).catch(() => {});
    await client.freeze({ reason: 'x' });
    const frozen = (times: number) =>
      Array.from({ length: times }, () => record('freeze.set', 'system:freeze'));
    expect(judged(frozen(0), tries).missing).toHaveLength(1);
    expect(areChangesRecorded(judged(frozen(1), tries))).toBe(true);
    expect(areChangesRecorded(judged(frozen(2), tries))).toBe(true);
    expect(judged(frozen(3), tries).twice).toHaveLength(1);
  });

  it('may have a target that no caller has learned', async () => {
    const { client, tries } = calling(lost());
    await client.createSweep({ orgId: 'org_1' }).catch(() => {});
    const one = record('sweep.requested', 'sweep:swp_1');
    expect(areChangesRecorded(judged([one], tries))).toBe(true);
    expect(judged([one, one], tries).unknown).toHaveLength(1);
  });
});

it('a refused change has no record', async () => {
  const { client, tries } = calling(refused());
  await client.deleteRotationPolicy('pol_1').catch(() => {});
  expect(areChangesRecorded(judged([], tries))).toBe(true);
  expect(judged([record('policy.deleted', 'policy:pol_1')], tries).twice).toHaveLength(1);
});

it('a sweep of another principal is not ours', async () => {
  const { client, tries } = calling({ id: 'swp_1', requestedBy: 'system:sweeps' });
  await client.createSweep({});
  expect(judged([], tries).missing).toEqual([]);
});

it('a denied call is known to nobody', () => {
  const denied = record('access.denied', 'method:SystemService/Freeze');
  expect(judged([denied], []).unknown).toHaveLength(1);
});

describe('a bulk rotation', () => {
  const target = 'bulkRotation:blk_1';
  const changing = async () => {
    const { client, tries } = calling({ id: 'blk_1' }, {}, {});
    await client.createBulkRotation({ orgId: 'org_1', requestId: 'one', allAssistants: true });
    await client.pauseBulkRotation('blk_1');
    await client.resumeBulkRotation('blk_1');
    return tries;
  };
  const [created, paused, resumed, ended] = [
    record('bulk.created', target, { after: 'PREPARING' }),
    record('bulk.paused', target, { before: 'RUNNING', after: 'PAUSED' }),
    record('bulk.resumed', target, { before: 'PAUSED', after: 'RUNNING' }),
    record('bulk.ended', target, { by: 'system:bulk', before: 'VERIFYING', after: 'COMPLETED' }),
  ];

  it('has a record of each state that it does not reach by itself', async () => {
    const tries = await changing();
    const states = { [target]: 'COMPLETED' };
    expect(areChangesRecorded(judged([created, paused, resumed, ended], tries, states))).toBe(true);
    for (const records of [
      [created, paused, ended],
      [created, resumed, ended],
      [created, paused, paused, resumed, ended],
      [created, paused, resumed],
      [paused, resumed, ended],
    ])
      expect(judged(records, tries, states).broken).not.toEqual([]);
  });
});

it('a rotation that FAILED has one record, by Rekey itself', () => {
  const failed = record('rotation.failed', 'rotation:rot_1', { by: 'system:rotation' });
  const tries = [failedRotation('rot_1')];
  expect(areChangesRecorded(judged([failed], tries))).toBe(true);
  expect(judged([], tries).missing).toHaveLength(1);
  expect(judged([failed, failed], tries).twice).toHaveLength(1);
});
