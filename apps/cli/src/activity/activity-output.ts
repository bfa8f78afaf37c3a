import type { ActivityRecord } from '@rekey/client';
import { number } from '../bulk/bulk-output.ts';
import { printable } from '../output/escape.ts';
import { cut, type Column } from '../output/list.ts';

const cell = (text: string): string => printable(cut(text));

const changeText = ({ before, after }: ActivityRecord): string | undefined => {
  if (before === undefined) return after === undefined ? undefined : `→ ${cell(after)}`;
  return `${cell(before)} → ${cell(after ?? '')}`;
};

const detailsText = (record: ActivityRecord): string =>
  [
    record.assistantId && cell(record.assistantId),
    changeText(record),
    record.address && `from ${cell(record.address)}`,
    record.count && `${number(record.count)} times`,
    record.reason && `(${cell(record.reason)})`,
    ...(record.otherFields ?? []).map(({ name, value }) => `${cell(name)}=${cell(value)}`),
  ]
    .filter(Boolean)
    .join(' ');

/** Records of activity. Their times are exact in a table too: with --follow, a line stays on the screen. */
export const activityColumns: readonly Column<ActivityRecord>[] = [
  { name: 'position', isOptional: true, value: ({ position }) => position },
  { name: 'time', value: ({ time }) => time, show: ({ time }) => time.toISOString() },
  { name: 'type', value: ({ type }) => type },
  { name: 'principal', header: 'BY', value: ({ principal }) => principal },
  { name: 'other_principals', isOptional: true, value: ({ otherPrincipals }) => otherPrincipals },
  { name: 'org_id', header: 'ORG', value: ({ orgId }) => orgId },
  { name: 'target', value: ({ target }) => target },
  { name: 'assistant_id', header: 'ASSISTANT', isOptional: true, value: ({ assistantId }) => assistantId },
  { name: 'reason', isOptional: true, value: ({ reason }) => reason },
  { name: 'request_id', isOptional: true, value: ({ requestId }) => requestId },
  { name: 'trace_id', isOptional: true, value: ({ traceId }) => traceId },
  { name: 'address', isOptional: true, value: ({ address }) => address },
  { name: 'before', isOptional: true, value: ({ before }) => before },
  { name: 'after', isOptional: true, value: ({ after }) => after },
  { name: 'count', kind: 'number', isOptional: true, value: ({ count }) => count },
  { name: 'other_fields', isOptional: true, value: ({ otherFields }) => otherFields },
  { name: 'details', show: detailsText, isWhole: true },
];
