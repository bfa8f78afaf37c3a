import type { Assistant, ConsumerAcknowledgement, Explanation, Rotation, Sweep } from '@rekey/client';
import { printable } from './escape.ts';
import { recordOf, type Column } from './list.ts';
import { styledState } from './style.ts';

export { printable } from './escape.ts';

export const isoTime = (time: Date | undefined): string | undefined => time?.toISOString();

/** The state of each consumer, by name. */
export const consumersJson = (consumers: ConsumerAcknowledgement[] | undefined): object | undefined =>
  consumers && Object.fromEntries(consumers.map(({ name, state }) => [name, state]));

export const consumersText = (consumers: ConsumerAcknowledgement[] | undefined): string | undefined =>
  consumers?.map(({ name, state }) => `${name} ${String(state)}`).join(', ');

/** A reason with what it means and what to do. */
export const explained = (error: Explanation | undefined): string | undefined =>
  error && `${error.reason}: ${error.message} ${error.advice}`;

export const withoutEmpty = (object: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined && value !== '' && value !== null),
  );

const errorJson = (error: Rotation['error']) =>
  error &&
  withoutEmpty({
    reason: error.reason,
    message: error.message,
    advice: error.advice,
    upstream_status: error.upstreamStatus,
  });

const reconciliationJson = (reconciliation: Rotation['reconciliation']) =>
  reconciliation &&
  withoutEmpty({
    since_time: isoTime(reconciliation.sinceTime),
    next_read_time: isoTime(reconciliation.nextReadTime),
    operator_needed: reconciliation.operatorNeeded,
    advice: reconciliation.advice,
    read_error: reconciliation.readError,
  });

/** Rotations as lists and JSON show them: the contract's names. */
export const rotationColumns: readonly Column<Rotation>[] = [
  { name: 'id', value: ({ id }) => id },
  { name: 'org_id', header: 'ORG', value: ({ orgId }) => orgId },
  { name: 'assistant_id', header: 'ASSISTANT', value: ({ assistantId }) => assistantId },
  { name: 'state', kind: 'state', value: ({ state }) => state },
  { name: 'reason', isOptional: true, value: ({ reason }) => reason },
  { name: 'request_id', isOptional: true, value: ({ requestId }) => requestId },
  { name: 'create_time', header: 'CREATED', value: ({ createTime }) => createTime },
  { name: 'requested_by', header: 'BY', value: ({ requestedBy }) => requestedBy },
  { name: 'start_time', header: 'STARTED', isOptional: true, value: ({ startTime }) => startTime },
  { name: 'update_time', header: 'UPDATED', isOptional: true, value: ({ updateTime }) => updateTime },
  { name: 'end_time', header: 'ENDED', isOptional: true, value: ({ endTime }) => endTime },
  {
    name: 'attempt_count',
    header: 'ATTEMPTS',
    kind: 'number',
    isOptional: true,
    value: ({ attemptCount }) => attemptCount,
  },
  { name: 'version', kind: 'number', isOptional: true, value: ({ version }) => version },
  { name: 'cause', isOptional: true, value: ({ cause }) => cause },
  { name: 'error', value: ({ error }) => errorJson(error), show: ({ error }) => error?.reason },
  {
    name: 'reconciliation',
    isOptional: true,
    value: ({ reconciliation }) => reconciliationJson(reconciliation),
    show: ({ reconciliation }) => reconciliation?.advice,
  },
  { name: 'no_live_worker', isOptional: true, value: ({ noLiveWorker }) => noLiveWorker },
  {
    name: 'consumers',
    isOptional: true,
    value: ({ consumers }) => consumersJson(consumers),
    show: ({ consumers }) => consumersText(consumers),
  },
];

/** A rotation for programs. */
export const rotationJson = (rotation: Rotation): Record<string, unknown> =>
  recordOf(rotationColumns, rotation);

export const assistantJson = (assistant: Assistant): Record<string, unknown> =>
  withoutEmpty({
    assistant_id: assistant.assistantId,
    org_id: assistant.orgId,
    version: assistant.version,
    cause: assistant.cause,
    rotation_id: assistant.rotationId,
    update_time: isoTime(assistant.updateTime),
    fingerprint: assistant.fingerprint,
    sealed: assistant.sealed,
    removal: assistant.removal,
    uncertain_time: isoTime(assistant.uncertainTime),
    key_time: isoTime(assistant.keyTime),
    holders: assistant.holders?.map(({ name, state, version }) =>
      withoutEmpty({ consumer: name, state, version }),
    ),
  });

export const sweepJson = (sweep: Sweep): Record<string, unknown> =>
  withoutEmpty({
    id: sweep.id,
    org_id: sweep.orgId,
    state: sweep.state,
    requested_by: sweep.requestedBy,
    create_time: isoTime(sweep.createTime),
    start_time: isoTime(sweep.startTime),
    update_time: isoTime(sweep.updateTime),
    end_time: isoTime(sweep.endTime),
    counts: sweep.counts,
    error: sweep.error,
    no_live_worker: sweep.noLiveWorker,
  });

/** Lines of name and value. Values with invisible or control characters are quoted. */
export const table = (rows: [string, string | undefined][]): string => {
  const present = rows.filter((row): row is [string, string] => row[1] !== undefined && row[1] !== '');
  const width = Math.max(...present.map(([name]) => name.length));
  return present
    .map(([name, value]) => {
      const text = printable(value);
      return `${name.padEnd(width)}  ${name === 'state' ? styledState(text) : text}`;
    })
    .join('\n');
};

export const NO_WORKER = 'no worker is live: progress resumes when one starts (see rekey status)';

export const rotationText = (rotation: Rotation): string =>
  table([
    ['rotation', rotation.id],
    ['assistant', `${rotation.orgId}/${rotation.assistantId}`],
    ['state', rotation.state],
    ['blocked', rotation.noLiveWorker ? NO_WORKER : undefined],
    ['reason', rotation.reason],
    ['requested by', rotation.requestedBy],
    [
      'version',
      rotation.version === undefined
        ? undefined
        : `${rotation.version} (${String(rotation.cause).toLowerCase()})`,
    ],
    ['created', isoTime(rotation.createTime)],
    ['ended', isoTime(rotation.endTime)],
    ['attempts', String(rotation.attemptCount)],
    ['uncertain since', isoTime(rotation.reconciliation?.sinceTime)],
    ['next read', isoTime(rotation.reconciliation?.nextReadTime)],
    ['read failed', rotation.reconciliation?.readError],
    [rotation.reconciliation?.operatorNeeded ? 'OPERATOR NEEDED' : 'to do', rotation.reconciliation?.advice],
    ['consumers', consumersText(rotation.consumers)],
    ['error', explained(rotation.error)],
  ]);

export const assistantText = (assistant: Assistant): string =>
  table([
    ['assistant', assistant.assistantId],
    ['org', assistant.orgId],
    ['version', `${assistant.version} (${String(assistant.cause).toLowerCase()})`],
    ['rotation', assistant.rotationId],
    ['published', isoTime(assistant.updateTime)],
    [
      'key made',
      assistant.removal ? undefined : (isoTime(assistant.keyTime) ?? 'unknown: Rekey did not rotate it'),
    ],
    ['held by', holdersText(assistant)],
    ['uncertain since', isoTime(assistant.uncertainTime)],
    ['no key', removalTexts[String(assistant.removal)]],
    ['fingerprint', assistant.fingerprint],
    [
      'sealed',
      assistant.sealed &&
        `${assistant.sealed.length} characters; --json shows the record, rekey events --open opens it`,
    ],
  ]);

/** `billing ACKNOWLEDGED, web PENDING (holds 17…)`. */
const holdersText = ({ holders, version }: Assistant): string | undefined =>
  holders
    ?.map((one) => {
      const older = one.version !== undefined && one.version !== version ? ` (holds ${one.version})` : '';
      return `${one.name} ${String(one.state)}${older}`;
    })
    .join(', ');

const removalTexts: Record<string, string> = {
  NO_KEY: 'its record at Invent has none',
  DELETED: 'it was deleted at Invent',
};

export const sweepText = (sweep: Sweep): string =>
  table([
    ['sweep', sweep.id],
    ['org', sweep.orgId ?? 'all'],
    ['state', sweep.state],
    ['blocked', sweep.noLiveWorker ? NO_WORKER : undefined],
    ['requested by', sweep.requestedBy],
    ['created', isoTime(sweep.createTime)],
    ['started', isoTime(sweep.startTime)],
    ['ended', isoTime(sweep.endTime)],
    ...Object.entries(sweep.counts ?? {}).map(([name, count]): [string, string] => [name, String(count)]),
    ['error', explained(sweep.error)],
  ]);
