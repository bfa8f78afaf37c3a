import type { EventCase } from './event-case.ts';
import {
  NOW_US,
  REMOVED,
  UNCERTAIN,
  eventOf,
  joinedOf,
  recordOf,
  seal,
  type Content,
  type SealOptions,
} from './sealed.ts';
import type { ConsumerName } from './test-keys.ts';

interface Opened extends Content {
  consumer?: ConsumerName;
  sealing?: Partial<SealOptions>;
  /** What else the event has, in clear. */
  data?: object;
  event?: object;
}

const DAY_US = 86_400_000_000;

const opened = (
  name: string,
  { consumer = 'billing', sealing, data, event, ...content }: Opened = {},
): EventCase => {
  const record = recordOf(content);
  const sealed = seal(JSON.stringify(record), { label: name, to: [consumer], ...sealing });
  const made = eventOf(content, sealed);
  return {
    name,
    consumer,
    text: JSON.stringify({ ...made, ...event, data: { ...made.data, ...data } }),
    verdict: 'open',
    record,
  };
};

const byGrant = (): EventCase[] => [
  opened('a new version'),
  opened('a new version, for a consumer with a P-256 key', { consumer: 'chat' }),
  opened('a new version, for a consumer with a shared key', { consumer: 'crm' }),
  opened('among several recipients', { sealing: { to: ['other', 'crm', 'billing', 'chat'] } }),
  opened('in the form of the next version', { sealing: { header: joinedOf('rekey.record.2') } }),
  opened('without key_proof, under a grant of the version before', {
    consumer: 'legacy',
    sealing: {
      after: ({ recipients }) => {
        for (const { header } of recipients) delete header['key_proof'];
      },
    },
  }),
  opened('with key_proof, under a grant of the version before', { consumer: 'legacy' }),
  opened('your recipient twice', {
    sealing: { after: ({ recipients }) => void recipients.push(structuredClone(recipients[1]!)) },
  }),
  opened('your recipient twice, of which the first is genuine', {
    sealing: {
      after: ({ recipients }) =>
        void recipients.push({
          ...recipients[1]!,
          header: { ...recipients[1]!.header, proof: 'A'.repeat(43) },
        }),
    },
  }),
];

const byContent = (): EventCase[] => [
  opened('an assistant without a key', { type: REMOVED }),
  opened('a deleted assistant', {
    type: REMOVED,
    record: { removal: 'deleted' },
    data: { removal: 'deleted' },
  }),
  opened('a doubt about the published version', { type: UNCERTAIN }),
  opened('a cause that you do not know', { record: { cause: 'later' }, data: { cause: 'later' } }),
  opened('a removal that you do not know', { type: REMOVED, record: { removal: 'later' } }),
  opened('fields that you do not know', {
    record: { later: { a: [1, null] } },
    data: { later: true },
    event: { later: 'x', traceparent: '00-0-0-0' },
    sealing: { after: (sealed) => void Object.assign(sealed, { unprotected: { zip: 'DEF' } }) },
  }),
  opened('no seq and no run: the content counts all the same', { data: { seq: 'x', run: undefined } }),
  opened('another fingerprint and another rotation in clear: no proof covers them', {
    data: { fingerprint: 'x', rotation_id: 'rot_x', cause: 'drift' },
  }),
  opened('ids with characters that are percent-encoded, and some that are not', {
    assistant: "ü'(1)*!:&+~",
    org: 'орг-🤖',
  }),
  opened('an assistant called __proto__, of an org called constructor', {
    assistant: '__proto__',
    org: 'constructor',
  }),
  opened('a key with characters beyond ASCII', {
    record: { assistant: { id: 'ast_1', secret_key: 'sk_test_ключ_🔑' } },
  }),
  opened('a large record', {
    record: { assistant: { id: 'ast_1', secret_key: 'sk_test_vector_1', prompt: 'x'.repeat(20_000) } },
  }),
  opened('the same id in key order of another program', {
    record: { assistant: { secret_key: 'sk_test_vector_1', id: 'ast_1' } },
  }),
];

const byVersion = (): EventCase[] => [
  opened('a version of a day ahead, less a second', { version: NOW_US + DAY_US - 1_000_000 }),
  opened('a version of the future that Rekey knows of', {
    version: NOW_US + 30 * DAY_US,
    record: { ahead: true },
  }),
  opened('the highest version that there can be', { version: 2 ** 53 - 1, record: { ahead: true } }),
  opened('version 1', { version: 1 }),
];

export const openedEvents = (): EventCase[] => [...byGrant(), ...byContent(), ...byVersion()];
