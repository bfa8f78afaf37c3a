import { createHmac, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  acknowledgementKeyOf,
  createAcknowledgementSigner,
  createAcknowledgementVerifier,
  openGrant,
  type Grant,
} from '@rekey/sealing';
import { isOlder } from './follower/enrolment.ts';
import { numbersAfter } from './follower/numbers.ts';
import { createState } from './follower/state.ts';
import type { SnapshotReason } from './keys.ts';
import { readOwnKeys } from './own-keys.ts';
import { createRecords } from './records/apply-records.ts';
import { HeldKeys } from './held/held-keys.ts';
import { readEvent, recordOf, type Reading } from './records/read-event.ts';
import { OutrunKeys } from './records/outrun-keys.ts';
import { createRefusals } from './records/refusals.ts';
import { UnsealedRecords } from './records/unsealed-records.ts';
import { createRedisClock } from './redis/redis-clock.ts';
import { namesUnder } from './redis/names.ts';

/** docs/reference/vectors: what every reader of events must make of the same texts. */
interface Case extends Record<string, any> {
  name: string;
}
const vectors = (name: string): { cases: Case[] } & Record<string, any> =>
  JSON.parse(readFileSync(new URL(`../../../docs/reference/vectors/${name}.json`, import.meta.url), 'utf8'));
const named = (name: string): [string, Case][] => vectors(name).cases.map((one) => [one.name, one]);

const keyFiles: Record<string, object> = vectors('keys')['key_files'];
const open = async ({ consumer, grant }: Case): Promise<Grant> => {
  const ownKeys = await readOwnKeys(keyFiles[consumer]!, { mounted: false });
  return openGrant(grant, { consumer, ...ownKeys });
};

const grants = vectors('grants').cases;
/** The grant under which a consumer reads the events of the vectors. */
const recipients: Record<string, Grant> = {};
for (const one of grants) if (one['verdict'] === 'accept') recipients[one['consumer']] ??= await open(one);

const exported = (key: KeyObject): string => key.export().toString('base64url');

describe('the vectors of grants', () => {
  it.each(named('grants'))('%s', async (_name, one) => {
    const { verdict, held, keys } = one;
    const opened = await open(one).catch(() => undefined);
    const isRefused = !opened || (held && isOlder(opened, { revision: held.rev, kid: held.kid }));
    expect(isRefused ? 'refuse' : 'accept').toBe(verdict);
    if (verdict === 'refuse') return;
    expect({
      kid: opened!.kid,
      wrapping: exported(opened!.wrapping),
      proving: exported(opened!.proving),
      rev: opened!.revision,
      needs_key_proof: opened!.needsKeyProof ?? false,
    }).toEqual(keys);
  });
});

const { now_us: nowUs, cases: events } = vectors('events');
const textOf = ({ text, base64 }: Case): string => text ?? Buffer.from(base64, 'base64').toString();

/** Reads an event, and applies it to nothing held, by the clock of the vectors. */
const applied = async (recipient: Grant, text: string): Promise<{ reading: Reading; refused: number }> => {
  const state = { ...createState(), enrolment: { text: '', orgs: ['*'], recipient } };
  const [clock, held, unsealed] = [createRedisClock(), new HeldKeys(), new UnsealedRecords()];
  const outrun = new OutrunKeys();
  const listeners = { has: () => false, emit: () => {} };
  const refusals = createRefusals({ held, unsealed, outrun, listeners });
  clock.set([Math.floor(nowUs / 1e6), nowUs % 1e6]);
  const reading = readEvent(text, recipient);
  if (reading.kind === 'refused') refusals.add(reading.refusal);
  if (reading.kind === 'opened')
    await createRecords({ state, clock, held, unsealed, outrun, refusals, listeners }).apply(reading.opened);
  return { reading, refused: refusals.refused().count };
};

const VERDICTS: Record<string, Reading['kind']> = {
  open: 'opened',
  foreign: 'foreign',
  skip: 'skipped',
  changed: 'consumer',
};

describe('the vectors of events', () => {
  it.each(named('events'))('%s', async (_name, one) => {
    const { consumer, verdict, step, record } = one;
    const { reading, refused } = await applied(recipients[consumer]!, textOf(one));
    expect(refused).toBe(verdict === 'refuse' ? 1 : 0);
    // Only the version is refused after the event was opened.
    expect(reading.kind).toBe(step === 5 ? 'opened' : (VERDICTS[verdict] ?? 'refused'));
    if (reading.kind !== 'opened' || verdict !== 'open') return;
    const { orgId, assistantId, version, removal, secretKey, plaintext } = reading.opened;
    expect([orgId, assistantId, version]).toEqual([record.org_id, record.assistant_id, record.version]);
    expect([removal, secretKey]).toEqual([record.removal, record.assistant?.secret_key]);
    expect(recordOf(plaintext)).toEqual(record.assistant);
  });
});

describe('the vectors of sequences', () => {
  it.each(named('sequences'))('%s', (_name, { start, held: versions, entries }) => {
    const recipient = recipients['billing']!;
    const held = new HeldKeys();
    for (const [assistantId, version] of Object.entries<number>(versions))
      held.apply({ kind: 'removed', assistantId, orgId: 'org_demo', version, updatedMs: 0 } as never);
    let reasons: SnapshotReason[] = [];
    const schedule = { demand: (reason: SnapshotReason) => void reasons.push(reason) };
    let place = { id: '0-0', seq: start.seq ?? undefined, run: start.run ?? undefined };
    for (const { event, seq, run, counts, snapshot } of entries) {
      const made = JSON.parse(textOf(events.find(({ name }) => name === event)!));
      made.data = { ...made.data, seq, run };
      const read = readEvent(JSON.stringify(made), recipient);
      reasons = [];
      const before = place;
      place = { ...place, ...numbersAfter({ held, schedule }, place, read) };
      if (read.kind === 'opened') held.apply(read.opened);
      expect([place.seq !== before.seq || place.run !== before.run, reasons.length > 0]).toEqual([
        counts && (seq !== before.seq || (run ?? before.run) !== before.run),
        snapshot,
      ]);
    }
  });
});

describe('the vectors of acknowledgements, user hashes and names', () => {
  it.each(named('acknowledgements'))('%s', async (_name, { consumer, ack_key, ack, proof, verdict }) => {
    const grant = recipients[consumer]!;
    expect(acknowledgementKeyOf(grant)).toBe(ack_key);
    expect(await createAcknowledgementVerifier()(ack, proof, ack_key)).toBe(verdict === 'accept');
    expect(createAcknowledgementSigner(grant)(ack) === proof).toBe(verdict === 'accept');
  });

  it('has the hashes of users', () => {
    const { cases } = vectors('user-hashes');
    expect(cases.length).toBeGreaterThan(0);
    for (const { secret_key, user_id, user_hash } of cases)
      expect(createHmac('sha256', secret_key).update(user_id).digest('hex')).toBe(user_hash);
  });

  it('has the names of keys', () => {
    const { cases } = vectors('names');
    expect(cases.length).toBeGreaterThan(0);
    for (const { id, current } of cases) expect(namesUnder('rekey').current(id)).toBe(current);
  });
});
