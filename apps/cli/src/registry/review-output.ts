import type { RegistryReview, ReviewedConsumer } from '@rekey/client';
import { createTable, type Column } from '../output/list.ts';
import { printable, withoutEmpty } from '../output/output.ts';

/** Orgs that a line shows; the rest is counted. */
const SHOWN_ORGS = 8;
/** Of a time in RFC 3339. */
const DATE_LENGTH = 10;

const orgsText = ({ orgs, orgCount }: ReviewedConsumer): string => {
  const shown = orgs.slice(0, SHOWN_ORGS);
  const rest = orgCount - shown.length;
  return [...shown.map(printable), ...(rest > 0 ? [`and ${rest} more`] : [])].join(' ');
};

/** As other commands print it. Of a shared key, the gateway sees only what the entry says: its beginning. */
const fingerprintText = ({ keyThumbprint = '', keyVerified }: ReviewedConsumer): string => {
  if (keyVerified) return `SHA256:${keyThumbprint}`;
  return keyThumbprint === '' ? '(not verified)' : `SHA256:${printable(keyThumbprint)}… (not verified)`;
};

const reviewColumns: readonly Column<ReviewedConsumer>[] = [
  { name: 'name', show: ({ name }) => name },
  { name: 'orgs', show: orgsText },
  { name: 'state', show: ({ state }) => state },
  { name: 'added', show: ({ createTime = '' }) => createTime.slice(0, DATE_LENGTH) },
  { name: 'key', show: ({ keyType }) => keyType },
  { name: 'fingerprint', show: fingerprintText },
  { name: 'trusted', show: ({ believed }) => (believed ? 'yes' : 'no') },
];

export const reviewTable = (consumers: readonly ReviewedConsumer[]): string =>
  createTable(reviewColumns, process.stderr)(consumers);

/** An entry as --json shows it. */
export const reviewedJson = (one: ReviewedConsumer): Record<string, unknown> =>
  withoutEmpty({
    name: one.name,
    orgs: one.orgs,
    org_count: one.orgCount,
    state: one.state,
    create_time: one.createTime,
    key_type: one.keyType,
    key_thumbprint: one.keyThumbprint,
    key_verified: one.keyVerified,
    digest: one.digest,
    believed: one.believed,
  });

export const plural = (count: number, one: string, many: string): string =>
  `${count} ${count === 1 ? one : many}`;

/** What an answer of yes does, in words. */
export const consequences = (
  { otherCount }: RegistryReview,
  { trusted, left, keepGrants }: { trusted: number; left: readonly string[]; keepGrants: boolean },
): string =>
  [
    `Records will be sealed for ${plural(trusted, 'consumer', 'consumers')} and for no other.`,
    ...(left.length > 0 ? [`Removed: ${left.map(printable).join(', ')}.`] : []),
    ...(otherCount > 0 ? [`Not shown, and not trusted: ${plural(otherCount, 'field', 'fields')}.`] : []),
    keepGrants
      ? 'Their grants are kept. Whoever has written to this Redis may know the keys of a grant.'
      : 'Workers issue new grants; consumers read their keys again, within seconds.',
    'Compare each fingerprint with the key file of its service: rekey consumer fingerprint FILE.',
    'Consumers that you do not know can read keys.',
  ].join('\n');
