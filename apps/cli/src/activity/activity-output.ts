import type { ActivityRecord } from '@rekey/client';
import { number } from '../bulk/bulk-output.ts';
import { isoTime, printable, withoutEmpty } from '../output/output.ts';

/** Characters that a terminal acts on, or that change the order of others. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

const escaped = (character: string): string =>
  [...Array(character.length).keys()]
    .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('');

/** A record as --json shows it: the contract's names. A terminal acts on no part of it. */
export const activityJson = (record: ActivityRecord): string => {
  const fields = withoutEmpty({
    position: record.position,
    time: isoTime(record.time),
    type: record.type,
    principal: record.principal,
    other_principals: record.otherPrincipals,
    org_id: record.orgId,
    target: record.target,
    assistant_id: record.assistantId,
    reason: record.reason,
    request_id: record.requestId,
    trace_id: record.traceId,
    address: record.address,
    before: record.before,
    after: record.after,
    count: record.count,
    other_fields: record.otherFields,
  });
  return JSON.stringify(fields).replace(UNPRINTABLE, escaped);
};

/** A longer text is cut; --json shows all of it. */
const MAX_CELL_CHARACTERS = 120;

const cell = (text: string | undefined): string => {
  const characters = [...(text ?? '')];
  const short =
    characters.length > MAX_CELL_CHARACTERS
      ? `${characters.slice(0, MAX_CELL_CHARACTERS).join('')}…`
      : characters.join('');
  return printable(short);
};

const HEAD = ['TIME', 'TYPE', 'BY', 'ORG', 'TARGET', 'DETAILS'];
/** A wider cell moves what follows it, in its own line only. */
const WIDEST = [24, 24, 48, 24, 44];

const change = ({ before, after }: ActivityRecord): string | undefined => {
  if (before === undefined) return after === undefined ? undefined : `→ ${cell(after)}`;
  return `${cell(before)} → ${cell(after)}`;
};

const details = (record: ActivityRecord): string =>
  [
    record.assistantId && cell(record.assistantId),
    change(record),
    record.address && `from ${cell(record.address)}`,
    record.count && `${number(record.count)} times`,
    record.reason && `(${cell(record.reason)})`,
    ...(record.otherFields ?? []).map(({ name, value }) => `${cell(name)}=${cell(value)}`),
  ]
    .filter(Boolean)
    .join(' ');

const cellsOf = (record: ActivityRecord): string[] => [
  isoTime(record.time)!,
  cell(record.type),
  cell(record.principal),
  cell(record.orgId) || '-',
  cell(record.target) || '-',
  details(record),
];

/** The lines of a table that grows. Columns become wider, and never narrower. */
export const createActivityTable = (): ((records: readonly ActivityRecord[]) => string) => {
  const widths = HEAD.map((title) => title.length);
  let isBegun = false;
  return (records) => {
    const rows = [...(isBegun ? [] : [HEAD]), ...records.map(cellsOf)];
    isBegun = true;
    for (const row of rows)
      for (const [i, most] of WIDEST.entries())
        widths[i] = Math.max(widths[i]!, Math.min(row[i]!.length, most));
    return rows
      .map((row) =>
        row
          .map((text, i) => text.padEnd(widths[i]!))
          .join('  ')
          .trimEnd(),
      )
      .join('\n');
  };
};
