import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Claim, Ledger, Sealed } from '@rekey/ledger';
import { KEY_ROTATED, KEY_UNCERTAIN } from '@rekey/schema';
import { silentLogger } from '@rekey/runtime';
import type { Meter } from '../metrics/meter.ts';
import { createPublisher, type Publisher } from './publisher.ts';
import { noRecipients, sealer } from './sealing-fixture.ts';

const silent = () => {};
const NOW_MS = 1_800_000_000_000;
const HOUR_MS = 3_600_000;
const finding = {
  record: {
    id: 'ast_1',
    secretKey: 'sk_1',
    deleted: false,
    json: '{"id":"ast_1","secret_key":"sk_1"}',
    unexpected: [],
  },
  secretKey: 'sk_1',
} as never;

let sealed: Sealed;
let publisher: Publisher;
beforeEach(() => {
  const assistants: Pick<Ledger['assistants'], 'commit' | 'markUncertain'> = {
    commit: async (_hold, keyVersion) => {
      sealed = keyVersion.sealed;
      return { kind: 'committed', seq: 1, entry: '1-0' };
    },
    markUncertain: async () => 'known',
  };
  const rotations: Pick<Ledger['rotations'], 'noteUnknown'> = {
    noteUnknown: async (_claim, _next, envelope) => {
      sealed = envelope;
      return 'noted';
    },
  };
  publisher = createPublisher({
    ledger: { assistants, rotations } as Ledger,
    sealer,
    recipients: noRecipients,
    logger: silentLogger,
    clock: { nowMs: () => 0, sleep: async () => {} },
    meter: { published: silent } as unknown as Meter,
  });
});

const claimAt = (aheadMs: number): Claim => ({
  rotationId: 'rot_1',
  orgId: 'org_1',
  assistantId: 'ast_1',
  epoch: (NOW_MS + aheadMs) * 1000,
  atMs: NOW_MS,
  attempts: 1,
  startedMs: NOW_MS,
  unknownsInARow: 0,
  doubted: false,
  uncertain: false,
  fresh: false,
  stateBefore: 'KEYID:x',
  versionBefore: (NOW_MS + aheadMs) * 1000 - 1,
});
const opened = async () => JSON.parse(await sealer.open(JSON.parse(sealed.envelope))) as { ahead?: boolean };
const publish = (claim: Claim) =>
  publisher.publish(claim, { redisMs: NOW_MS, clockMs: 0 }, { finding, cause: 'rotation', rotation: 'ends' });
const eventOf = ({ epoch }: Claim) =>
  JSON.stringify({
    specversion: '1.0',
    id: String(epoch),
    source: '/orgs/org_1/assistants/ast_1',
    type: KEY_ROTATED,
    subject: 'ast_1',
    time: '2027-01-15T08:00:00.000Z',
    datacontenttype: 'application/json',
    data: {
      seq: 1,
      version: epoch,
      cause: 'rotation',
      rotation_id: null,
      bulk_rotation_id: null,
      updated_at: '2027-01-15T08:00:00.000Z',
      fingerprint: sealer.fingerprint('sk_1'),
      sealed: JSON.parse(sealed.envelope) as unknown,
    },
  });

describe('a version ahead of the clock of Redis', () => {
  it.each([
    [0, undefined],
    [11 * HOUR_MS, undefined],
    [13 * HOUR_MS, true],
    [72 * HOUR_MS, true],
  ])('by %d ms is marked if consumers would refuse it soon: %s', async (aheadMs, ahead) => {
    await publish(claimAt(aheadMs));
    expect((await opened()).ahead).toBe(ahead);
    await publisher.noteUnknown(claimAt(aheadMs), { readInMs: 0, holdMs: 0 });
    expect(await opened()).toMatchObject({ type: KEY_UNCERTAIN, ...(ahead && { ahead }) });
  });

  it('and not marked is unusable for consumers until a sweep publishes it again', async () => {
    // Published by a worker that took the time from the wrong clock.
    const claim = claimAt(72 * HOUR_MS);
    await publish({ ...claim, atMs: NOW_MS + 72 * HOUR_MS });
    const state = sealer.fingerprint('sk_1');
    expect(await publisher.canBeOpened(eventOf(claim), 'ast_1', state, NOW_MS)).toBe(false);
    expect(await publisher.canBeOpened(eventOf(claim), 'ast_1', state, NOW_MS + 72 * HOUR_MS)).toBe(true);
    await publish(claim);
    expect(await publisher.canBeOpened(eventOf(claim), 'ast_1', state, NOW_MS)).toBe(true);
  });
});
