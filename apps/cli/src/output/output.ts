import type { Assistant, ConsumerAcknowledgement, Explanation, Rotation, Sweep } from '@rekey/client';

export const isoTime = (time: Date | undefined): string | undefined => time?.toISOString();

/** The state of each consumer, by name. */
export const consumersJson = (consumers: ConsumerAcknowledgement[] | undefined): object | undefined =>
  consumers && Object.fromEntries(consumers.map(({ name, state }) => [name, state]));

/** A reason with what it means and what to do. */
export const explained = (error: Explanation | undefined): string | undefined =>
  error && `${error.reason}: ${error.message} ${error.advice}`;

export const withoutEmpty = (object: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined && value !== '' && value !== null),
  );

/** A rotation as --json shows it: the contract's names, RFC 3339 times, unset fields left out. */
export const rotationJson = (rotation: Rotation): Record<string, unknown> =>
  withoutEmpty({
    id: rotation.id,
    org_id: rotation.orgId,
    assistant_id: rotation.assistantId,
    state: rotation.state,
    reason: rotation.reason,
    request_id: rotation.requestId,
    requested_by: rotation.requestedBy,
    create_time: isoTime(rotation.createTime),
    start_time: isoTime(rotation.startTime),
    update_time: isoTime(rotation.updateTime),
    end_time: isoTime(rotation.endTime),
    attempt_count: rotation.attemptCount,
    version: rotation.version,
    cause: rotation.cause,
    error:
      rotation.error &&
      withoutEmpty({
        reason: rotation.error.reason,
        message: rotation.error.message,
        advice: rotation.error.advice,
        upstream_status: rotation.error.upstreamStatus,
      }),
    reconciliation:
      rotation.reconciliation &&
      withoutEmpty({
        since_time: isoTime(rotation.reconciliation.sinceTime),
        next_read_time: isoTime(rotation.reconciliation.nextReadTime),
        operator_needed: rotation.reconciliation.operatorNeeded,
        advice: rotation.reconciliation.advice,
        read_error: rotation.reconciliation.readError,
      }),
    no_live_worker: rotation.noLiveWorker,
    consumers: consumersJson(rotation.consumers),
  });

export const assistantJson = (assistant: Assistant): Record<string, unknown> =>
  withoutEmpty({
    assistant_id: assistant.assistantId,
    version: assistant.version,
    cause: assistant.cause,
    rotation_id: assistant.rotationId,
    update_time: isoTime(assistant.updateTime),
    fingerprint: assistant.fingerprint,
    sealed: assistant.sealed,
    removal: assistant.removal,
    uncertain_time: isoTime(assistant.uncertainTime),
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
  return present.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join('\n');
};

/** Lines of aligned columns; the first row is the head. */
export const columns = (rows: readonly string[][]): string => {
  const widths = rows[0]!.map((_title, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

export const NO_WORKER = 'no worker is live: progress resumes when one starts (see rekey status)';

/** Characters that a terminal acts on instead of showing them, or that change the order of others. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;
const escaped = (character: string): string => `\\u{${character.codePointAt(0)!.toString(16)}}`;

/** The text; quoted, with escapes, if it contains invisible or control characters. */
export const printable = (text: string): string =>
  text.search(UNPRINTABLE) < 0 ? text : JSON.stringify(text).replace(UNPRINTABLE, escaped);

/** Who requested something, at the end of its line in a list. */
export const byText = ({ requestedBy }: { requestedBy?: string }): string =>
  requestedBy === undefined ? '' : `by ${printable(requestedBy)}`;

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
    ['consumers', rotation.consumers?.map(({ name, state }) => `${name} ${String(state)}`).join(', ')],
    ['error', explained(rotation.error)],
  ]);

export const assistantText = (assistant: Assistant): string =>
  table([
    ['assistant', assistant.assistantId],
    ['version', `${assistant.version} (${String(assistant.cause).toLowerCase()})`],
    ['rotation', assistant.rotationId],
    ['published', isoTime(assistant.updateTime)],
    ['uncertain since', isoTime(assistant.uncertainTime)],
    ['no key', removalTexts[String(assistant.removal)]],
    ['fingerprint', assistant.fingerprint],
    [
      'sealed',
      assistant.sealed &&
        `${assistant.sealed.length} characters; --json shows the record, rekey events --open opens it`,
    ],
  ]);

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
