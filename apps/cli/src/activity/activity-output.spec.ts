import { describe, expect, it } from '@jest/globals';
import type { ActivityRecord } from '@rekey/client';
import { jsonLine } from '../output/escape.ts';
import { createTable, recordOf, tableColumns } from '../output/list.ts';
import { activityColumns } from './activity-output.ts';

const createActivityTable = () => createTable(tableColumns(activityColumns));
const activityJson = (one: ActivityRecord) => jsonLine(recordOf(activityColumns, one));

const record = (more: Partial<ActivityRecord> = {}): ActivityRecord => ({
  position: '1700000000000-0',
  time: new Date(1_700_000_000_000),
  type: 'rotation.requested',
  principal: 'token:nightly',
  ...more,
});
const TIME = '2023-11-14T22:13:20.000Z';
/** Clears a screen, moves text from right to left, and C1 control characters. */
const HOSTILE = '\u001b[2J\u009b31m\u202egnp.exe\u0007\r\n\u2028\u{e0041}';
const VISIBLE = /^[^\p{C}\p{Zl}\p{Zp}]*$/u;

describe('the table of activity', () => {
  it('has aligned columns under one head, and says what changed, how often and why', () => {
    const table = createActivityTable();
    const first = table([
      record({
        orgId: 'org_1',
        target: 'rotation:rot_1',
        assistantId: 'ast_1',
        after: 'QUEUED',
        reason: 'leak',
      }),
      record({ type: 'access.denied', principal: 'uri:spiffe://example.com/billing', count: 1200 }),
    ]);
    const lines = first.split('\n');
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
      ['TIME', 'TYPE', 'BY', 'ORG', 'TARGET', 'DETAILS'],
      [TIME, 'rotation.requested', 'token:nightly', 'org_1', 'rotation:rot_1', 'ast_1 → QUEUED (leak)'],
      [TIME, 'access.denied', 'uri:spiffe://example.com/billing', '-', '-', '1,200 times'],
    ]);
    expect([lines[0]!.indexOf('ORG'), lines[2]!.indexOf('-  ')]).toEqual(
      Array.from({ length: 2 }, () => lines[1]!.indexOf('org_1')),
    );
    const next = table([record({ before: 'QUEUED', after: 'CANCELLED' })]);
    expect(next.indexOf('-  ')).toBe(lines[2]!.indexOf('-  '));
    expect(next).toMatch(/ QUEUED → CANCELLED$/);
  });

  it.each(['type', 'principal', 'orgId', 'target', 'assistantId', 'reason', 'before', 'after'] as const)(
    'shows nothing in %s that a terminal acts on',
    (field) => {
      const lines = createActivityTable()([record({ [field]: HOSTILE })]).split('\n');
      expect(lines).toHaveLength(2);
      for (const line of lines) expect(line).toMatch(VISIBLE);
      expect(lines[1]).toContain('\\u{9b}31m');
    },
  );

  it('shows nothing in fields of later versions that a terminal acts on', () => {
    const text = createActivityTable()([record({ otherFields: [{ name: HOSTILE, value: HOSTILE }] })]);
    for (const line of text.split('\n')) expect(line).toMatch(VISIBLE);
  });

  it('cuts long texts, and long ones widen no other line', () => {
    const table = createActivityTable();
    const text = table([record({ principal: 'x'.repeat(4000), reason: '🙂'.repeat(300) }), record()]);
    const [, long, short] = text.split('\n');
    expect(long!.length).toBeLessThan(600);
    expect(short!.length).toBeLessThan(140);
    expect(long).not.toContain('\ufffd');
  });
});

describe('a record as JSON', () => {
  it('has the names of the contract, and nothing that is not set', () => {
    expect(
      JSON.parse(
        activityJson(
          record({
            otherPrincipals: ['dns:b'],
            requestId: 'r',
            traceId: 't',
            address: '192.0.2.7',
            before: 'A',
            after: 'B',
          }),
        ),
      ),
    ).toEqual({
      position: '1700000000000-0',
      time: '2023-11-14T22:13:20.000Z',
      type: 'rotation.requested',
      principal: 'token:nightly',
      other_principals: ['dns:b'],
      request_id: 'r',
      trace_id: 't',
      address: '192.0.2.7',
      before: 'A',
      after: 'B',
    });
  });

  it('is one line that a terminal acts on no part of, and means the same', () => {
    const text = activityJson(record({ reason: HOSTILE }));
    expect(text).toMatch(VISIBLE);
    expect(JSON.parse(text)).toMatchObject({ reason: HOSTILE });
  });
});
