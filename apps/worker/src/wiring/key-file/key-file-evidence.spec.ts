import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { KEY_ROTATED } from '@rekey/schema';
import { createSealer, sealRecord, type Sealer } from '@rekey/sealing';
import { sealer, signing } from '../../publishing/sealing-fixture.ts';
import { collectEvidence } from './key-file-evidence.ts';

/* Whose a ledger is, by what it holds: whatever another client has added. */

const keyOf = (kid: string) => ({ kid, bytes: randomBytes(32) });
const other = createSealer({
  sealing: keyOf('other-enc-00'),
  fingerprinting: keyOf('other-sig-00'),
  signing,
});

const recordOf = (by: Sealer, orgId: string, assistantId: string, printedBy = by) => ({
  assistantId,
  event: JSON.stringify({
    specversion: '1.0',
    id: `${assistantId}-1`,
    source: `/orgs/${orgId}/assistants/${assistantId}`,
    type: KEY_ROTATED,
    subject: assistantId,
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    data: {
      seq: 1,
      run: 1,
      rotation_id: null,
      bulk_rotation_id: null,
      version: 5,
      cause: 'import',
      updated_at: '2026-01-01T00:00:00.000Z',
      fingerprint: printedBy.fingerprint(`sk_${assistantId}`),
      sealed: JSON.parse(
        sealRecord(by, {
          type: KEY_ROTATED,
          orgId,
          assistantId,
          version: 5,
          cause: 'import',
          assistantJson: JSON.stringify({ id: assistantId, secret_key: `sk_${assistantId}` }),
        }),
      ) as unknown,
    },
  }),
});
type Stored = ReturnType<typeof recordOf>;

const PAGE = 100;
const ledgerOf = (kept: string[], records: Record<string, Stored[]>) =>
  ({
    registry: {
      trust: {
        candidates: async () => kept.map((text) => ({ consumer: { kept: JSON.parse(text) as unknown } })),
      },
    },
    orgs: { list: async () => Object.keys(records).map((orgId) => ({ orgId })) },
    assistants: {
      publishedPage: async (orgId: string, cursor: string) => {
        const [from, to] = [Number(cursor), Number(cursor) + PAGE];
        const more = to < records[orgId]!.length ? { next: String(to) } : {};
        const events = records[orgId]!.slice(from, to);
        return { events, count: events.length, ...more };
      },
    },
  }) as unknown as Parameters<typeof collectEvidence>[0];

const falseOnes = Array.from({ length: 300 }, () => other.sealOwn('{}', 'kept'));
const falseRecords = Array.from({ length: 300 }, (_, i) => recordOf(other, 'a0', `ast_f${i}`));

describe('the evidence for a key file', () => {
  it('is found among false entries and records that sort first', async () => {
    const entries = ledgerOf([...falseOnes, sealer.sealOwn('{}', 'kept')], { a0: falseRecords });
    expect(await collectEvidence(entries, sealer, 'opened')).toMatchObject({ opened: true });
    const records = ledgerOf(falseOnes, { a0: falseRecords, org_1: [recordOf(sealer, 'org_1', 'ast_1')] });
    expect(await collectEvidence(records, sealer, 'printed')).toMatchObject({ opened: true, printed: true });
  });

  it('is found on a later page of an org, behind false records', async () => {
    const ledger = ledgerOf([], { org_1: [...falseRecords, recordOf(sealer, 'org_1', 'ast_1')] });
    expect(await collectEvidence(ledger, sealer, 'printed')).toMatchObject({ tried: 301, printed: true });
  });

  it('is not the fingerprint of another key, nor the one of a record that does not open', async () => {
    const ledger = ledgerOf([], {
      org_1: [recordOf(sealer, 'org_1', 'ast_1', other), recordOf(other, 'org_1', 'ast_2', sealer)],
    });
    expect(await collectEvidence(ledger, sealer, 'printed')).toEqual({
      tried: 2,
      records: 2,
      opened: true,
      printed: false,
    });
  });

  it('is none if nothing opens', async () => {
    const ledger = ledgerOf(falseOnes, { a0: [...falseRecords, { assistantId: 'x', event: 'nonsense' }] });
    const found = await collectEvidence(ledger, sealer, 'opened');
    expect(found).toEqual({ tried: 600, records: 300, opened: false, printed: false });
  });
});
