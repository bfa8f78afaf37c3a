import type { AssistantSummary, KeyVersion, Org, RotationTimeline } from '@rekey/client';
import type { Column } from '../output/list.ts';
import { relativeTime } from '../output/relative-time.ts';

/** When the key of an assistant was made. */
const keyMade = ({ keyTime, removal }: Pick<AssistantSummary, 'keyTime' | 'removal'>): string => {
  if (removal !== undefined) return 'no key';
  return keyTime ? relativeTime(keyTime) : 'unknown';
};

export const assistantColumns: readonly Column<AssistantSummary>[] = [
  { name: 'assistant_id', header: 'ASSISTANT', value: ({ assistantId }) => assistantId },
  { name: 'org_id', header: 'ORG', value: ({ orgId }) => orgId },
  { name: 'key_time', header: 'KEY MADE', value: ({ keyTime }) => keyTime, show: keyMade },
  { name: 'update_time', header: 'PUBLISHED', value: ({ updateTime }) => updateTime },
  {
    name: 'uncertain',
    value: ({ uncertain }) => uncertain || undefined,
    show: ({ uncertain }) => (uncertain ? 'yes' : undefined),
  },
  { name: 'removal', isOptional: true, value: ({ removal }) => removal },
  { name: 'version', kind: 'number', isOptional: true, value: ({ version }) => version },
  { name: 'fingerprint', isOptional: true, value: ({ fingerprint }) => fingerprint },
];

export const orgColumns: readonly Column<Org>[] = [
  { name: 'org_id', header: 'ORG', value: ({ orgId }) => orgId },
  {
    name: 'assistant_count',
    header: 'ASSISTANTS',
    kind: 'number',
    value: ({ assistantCount }) => assistantCount,
  },
  {
    name: 'uncertain_count',
    header: 'UNCERTAIN',
    kind: 'number',
    value: ({ uncertainCount }) => uncertainCount,
  },
  {
    name: 'unknown_age_count',
    header: 'AGE UNKNOWN',
    kind: 'number',
    value: ({ unknownAgeCount }) => unknownAgeCount,
  },
  { name: 'oldest_key_time', header: 'OLDEST KEY', value: ({ oldestKeyTime }) => oldestKeyTime },
];

export const versionColumns: readonly Column<KeyVersion>[] = [
  { name: 'version', value: ({ version }) => version, show: ({ version }) => String(version) },
  { name: 'publish_time', header: 'PUBLISHED', value: ({ publishTime }) => publishTime },
  { name: 'cause', value: ({ cause }) => cause, show: ({ cause }) => cause?.toLowerCase() },
  {
    name: 'removal',
    header: 'NO KEY',
    value: ({ removal }) => removal,
    show: ({ removal }) => removal?.toLowerCase(),
  },
  { name: 'rotation_id', header: 'ROTATION', value: ({ rotationId }) => rotationId },
  { name: 'bulk_rotation_id', header: 'BULK ROTATION', value: ({ bulkRotationId }) => bulkRotationId },
  { name: 'requested_by', header: 'BY', value: ({ requestedBy }) => requestedBy },
];

type Step = RotationTimeline['steps'][number];

const stepTexts: Record<NonNullable<Step['kind']>, string> = {
  ACCEPTED: 'accepted',
  CLAIMED: 'claimed by a worker',
  SENT: 'request to Invent about to be sent',
  UNKNOWN: 'outcome unknown',
  READ: 'read that found the key',
  PUBLISHED: 'published',
  ENDED: 'ended',
  ACKNOWLEDGED: 'acknowledged',
};

/** `SENT` as `2026-01-31T12:00:00.000Z  +12 ms`. */
export const stepColumns = (begun: Date | undefined): readonly Column<Step>[] => [
  {
    name: 'time',
    value: ({ time }) => time,
    show: ({ time }) => time?.toISOString(),
  },
  {
    name: 'after',
    show: ({ time }) =>
      time && begun ? `+${(time.getTime() - begun.getTime()).toLocaleString('en-US')} ms` : undefined,
  },
  {
    name: 'kind',
    header: 'STEP',
    value: ({ kind }) => kind,
    show: ({ kind, consumer, state }) =>
      kind === 'ACKNOWLEDGED' ? `${consumer}: ${String(state).toLowerCase()}` : stepTexts[kind!],
  },
  { name: 'consumer', isOptional: true, value: ({ consumer }) => consumer },
  { name: 'state', isOptional: true, value: ({ state }) => state },
];
