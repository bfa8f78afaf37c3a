import type { BulkItem, BulkRotation } from '@rekey/client';
import { recordOf, type Column } from '../output/list.ts';
import {
  consumersJson,
  consumersText,
  explained,
  isoTime,
  printable,
  withoutEmpty,
} from '../output/output.ts';
import { doneOf, jsonDuration, limitText, listText, number } from './bulk-output.ts';

const estimateJson = ({ estimate }: BulkRotation) =>
  estimate && {
    request_count: estimate.requestCount,
    duration: jsonDuration(estimate.durationMs),
  };

const verificationJson = ({ verification }: BulkRotation) =>
  verification && {
    verified: verification.verified,
    repaired: verification.repaired,
    unverified: verification.unverified,
    differing_assistant_ids: verification.differingAssistantIds,
  };

const lastFailuresJson = ({ lastFailures }: BulkRotation) =>
  lastFailures.map(({ assistantId, reason, time }) =>
    withoutEmpty({ assistant_id: assistantId, reason, time: isoTime(time) }),
  );

const listJson = ({ list }: BulkRotation) =>
  list &&
  withoutEmpty({
    incomplete: list.incomplete,
    listed_count: list.listedCount,
    invent_count: list.inventCount,
    unreadable_count: list.unreadableCount,
  });

const selection = { isOptional: true } as const;

/** Bulk rotations as lists and JSON show them: the contract's names. */
export const bulkColumns: readonly Column<BulkRotation>[] = [
  { name: 'id', value: ({ id }) => id },
  { name: 'org_id', header: 'ORG', value: ({ orgId }) => orgId },
  { name: 'state', kind: 'state', value: ({ state }) => state },
  { name: 'create_time', header: 'CREATED', value: ({ createTime }) => createTime },
  {
    name: 'progress',
    kind: 'number',
    show: (bulk) => `${number(doneOf(bulk))}/${number(bulk.counts.total)}`,
  },
  {
    name: 'failed',
    kind: 'number',
    show: ({ counts }) => (counts.failed ? number(counts.failed) : undefined),
  },
  { name: 'stop', header: 'STOPPED BY', value: ({ stop }) => stop, show: ({ stop }) => stop?.reason },
  { name: 'requested_by', header: 'BY', value: ({ requestedBy }) => requestedBy },
  { name: 'reason', ...selection, value: ({ reason }) => reason },
  { name: 'request_id', ...selection, value: ({ requestId }) => requestId },
  { name: 'start_time', header: 'STARTED', ...selection, value: ({ startTime }) => startTime },
  { name: 'update_time', header: 'UPDATED', ...selection, value: ({ updateTime }) => updateTime },
  { name: 'end_time', header: 'ENDED', ...selection, value: ({ endTime }) => endTime },
  { name: 'urgent', ...selection, value: ({ urgent }) => urgent },
  { name: 'validate_only', header: 'DRY RUN', ...selection, value: ({ validateOnly }) => validateOnly },
  { name: 'explicit', header: 'BY ID', ...selection, value: ({ explicit }) => explicit },
  { name: 'search', ...selection, value: ({ search }) => search },
  { name: 'rotated_before', ...selection, value: ({ rotatedBefore }) => rotatedBefore },
  { name: 'canary', ...selection, value: ({ canary }) => canary },
  { name: 'max_failures', ...selection, value: ({ maxFailures }) => maxFailures, show: limitText },
  { name: 'counts', ...selection, value: ({ counts }) => counts },
  { name: 'rate', kind: 'number', ...selection, value: ({ rate }) => rate },
  { name: 'remaining', ...selection, value: ({ remainingMs }) => jsonDuration(remainingMs) },
  { name: 'estimate', ...selection, value: estimateJson },
  { name: 'verification', ...selection, value: verificationJson },
  { name: 'last_failures', ...selection, value: lastFailuresJson },
  { name: 'list', ...selection, value: listJson, show: listText },
  { name: 'policy_id', ...selection, value: ({ policyId }) => policyId },
  { name: 'no_live_worker', ...selection, value: ({ noLiveWorker }) => noLiveWorker },
  {
    name: 'consumers',
    ...selection,
    value: ({ consumers }) => consumersJson(consumers),
    show: ({ consumers }) => consumersText(consumers),
  },
];

/** A bulk rotation for programs. */
export const bulkJson = (bulk: BulkRotation): Record<string, unknown> => recordOf(bulkColumns, bulk);

/** The assistants of a bulk rotation. */
export const itemColumns: readonly Column<BulkItem>[] = [
  { name: 'assistant_id', header: 'ASSISTANT', value: ({ assistantId }) => assistantId },
  { name: 'state', kind: 'state', value: ({ state }) => state },
  {
    name: 'error',
    value: ({ error }) => error,
    show: ({ error }) => error && printable(explained(error)!),
    isWhole: true,
  },
  { name: 'version', isOptional: true, value: ({ version }) => version },
  { name: 'rotation_id', header: 'ROTATION', isOptional: true, value: ({ rotationId }) => rotationId },
  { name: 'publish_time', header: 'PUBLISHED', isOptional: true, value: ({ publishTime }) => publishTime },
];

export const itemJson = (item: BulkItem): Record<string, unknown> => recordOf(itemColumns, item);
