import type { EventCase } from './event-case.ts';
import { base64url, drawn } from './primitives.ts';
import {
  NOW_US,
  REMOVED,
  ROTATED,
  SPLIT,
  UNCERTAIN,
  eventOf,
  joinedOf,
  recordOf,
  seal,
  type Content,
  type SealOptions,
  type Sealed,
} from './sealed.ts';

const DAY_US = 86_400_000_000;
type Step = NonNullable<EventCase['step']>;

const refused = (name: string, step: Step, event: object): EventCase => ({
  name,
  consumer: 'billing',
  text: JSON.stringify(event),
  verdict: 'refuse',
  step,
});

const genuine = (label: string, content: Content = {}, sealing: Partial<SealOptions> = {}) =>
  eventOf(content, seal(JSON.stringify(recordOf(content)), { label, ...sealing }));

/** Entries that are no events at all. */
export const refusedByForm = (): EventCase[] => {
  const text = (name: string, entry: string): EventCase => ({
    name,
    consumer: 'billing',
    text: entry,
    verdict: 'refuse',
    step: 0,
  });
  const withData = (name: string, data: unknown) => refused(name, 0, { ...genuine(name), data });
  const { data, ...event } = genuine('form');
  return [
    text('no JSON', '{'),
    text('nothing', ''),
    text('a list', '[1]'),
    text('a number', '1e999'),
    text('a text', '"rekey"'),
    text('null', 'null'),
    text('lists in lists', '['.repeat(2000)),
    {
      name: 'not UTF-8',
      consumer: 'billing',
      base64: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]).toString('base64'),
      verdict: 'refuse',
      step: 0,
    },
    refused('no data', 0, event),
    withData('data that is null', null),
    withData('data without sealed', { seq: 1, version: 1 }),
    withData('sealed that is a text', { ...data, sealed: 'x' }),
    withData('recipients that are no list', {
      ...data,
      sealed: { ...(data['sealed'] as object), recipients: {} },
    }),
    withData('a recipient that is null', {
      ...data,
      sealed: { ...(data['sealed'] as object), recipients: [null] },
    }),
    withData('a version that is a text', { ...data, version: String(data['version']) }),
    withData('a version of 0', { ...data, version: 0 }),
    withData('a version with a fraction', { ...data, version: 1.5 }),
    refused('a version of 0, in the record too', 0, genuine('version 0', { version: 0 })),
    refused('a version below 0, in the record too', 0, genuine('version -1', { version: -1 })),
    refused('a version with a fraction, in the record too', 0, genuine('fraction', { version: 1.5 })),
    refused('a subject that is an object', 0, { ...event, data, subject: { a: 1 } }),
    refused('no subject', 0, { ...event, data, subject: undefined }),
    refused('no source', 0, { ...event, data, source: undefined }),
  ];
};

const sealedChange = (
  name: string,
  after: (sealed: Sealed) => void,
  more: Partial<SealOptions> = {},
): EventCase => refused(name, 2, genuine(name, {}, { after, ...more }));
/** Replaces a part, and makes the proofs for it: only the check of its form can refuse it. */
const provenPart = (name: string, change: (sealed: Sealed) => void): EventCase =>
  refused(name, 2, genuine(name, {}, { before: change }));

const mine = (sealed: Sealed) => sealed.recipients[1]!;
/** The other spelling of the same bytes: the last bits, which are not used, are not zero. */
const respelled = (text: string): string => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1)!) + 1]!;
};

const wrongProofs = (): EventCase[] => {
  const joined = { header: joinedOf('rekey.record.2') };
  const otherKey = seal('{}', { label: 'another record' }).recipients[1]!;
  return [
    sealedChange(
      'a wrong proof',
      (sealed) => void (mine(sealed).header['proof'] = base64url(drawn('proof', 32))),
    ),
    sealedChange('no proof', (sealed) => void delete mine(sealed).header['proof']),
    sealedChange('a proof that is no text', (sealed) => void (mine(sealed).header['proof'] = 7)),
    sealedChange('a proof with padding', (sealed) => {
      mine(sealed).header['proof'] = `${String(mine(sealed).header['proof'])}=`;
    }),
    sealedChange('the proof of Rekey, for you', ({ recipients }) => {
      recipients[1]!.header['proof'] = recipients[0]!.header['proof'];
    }),
    sealedChange('no key_proof', (sealed) => void delete mine(sealed).header['key_proof']),
    sealedChange('a wrong key_proof', (sealed) => {
      mine(sealed).header['key_proof'] = base64url(drawn('key proof', 32));
    }),
    {
      ...refused(
        'a wrong key_proof, under a grant of the version before',
        2,
        genuine(
          'legacy',
          {},
          {
            to: ['legacy'],
            after: (sealed) => void (mine(sealed).header['key_proof'] = base64url(drawn('key proof', 32))),
          },
        ),
      ),
      consumer: 'legacy',
    },
    sealedChange('the wrapped key of another record', (sealed) => {
      mine(sealed).encrypted_key = otherKey.encrypted_key;
    }),
    sealedChange(
      'the wrapped key of another record, in the form of the next version',
      (sealed) => void (mine(sealed).encrypted_key = otherKey.encrypted_key),
      joined,
    ),
    sealedChange('the header of the next version, with the proofs of this one', (sealed) => {
      sealed.protected = joined.header;
    }),
    sealedChange(
      'the header of this version, with the proofs of the next one',
      (sealed) => void (sealed.protected = SPLIT),
      joined,
    ),
    sealedChange('your recipient twice, of which the second is genuine', ({ recipients }) => {
      const [own] = [recipients[1]!];
      recipients.splice(1, 0, { ...own, header: { ...own.header, proof: base64url(drawn('twice', 32)) } });
    }),
    sealedChange('another ciphertext', (sealed) => {
      sealed.ciphertext = `${sealed.ciphertext[0] === 'A' ? 'B' : 'A'}${sealed.ciphertext.slice(1)}`;
    }),
    sealedChange('another tag', (sealed) => {
      sealed.tag = `${sealed.tag[0] === 'A' ? 'B' : 'A'}${sealed.tag.slice(1)}`;
    }),
    sealedChange('another iv', (sealed) => void (sealed.iv = base64url(drawn('other iv', 12)))),
  ];
};

const wrongForms = (): EventCase[] => [
  provenPart('an iv of 15 characters', (sealed) => void (sealed.iv = sealed.iv.slice(0, 15))),
  provenPart('an iv of 17 characters', (sealed) => void (sealed.iv += 'A')),
  provenPart('a tag of 12 bytes', (sealed) => void (sealed.tag = sealed.tag.slice(0, 16))),
  provenPart('a tag that is spelled otherwise', (sealed) => void (sealed.tag = respelled(sealed.tag))),
  provenPart('a wrapped key of 39 bytes', (sealed) => {
    mine(sealed).encrypted_key = mine(sealed).encrypted_key.slice(0, 52);
  }),
  provenPart('a wrapped key that is spelled otherwise', (sealed) => {
    mine(sealed).encrypted_key = respelled(mine(sealed).encrypted_key);
  }),
  provenPart('a ciphertext with padding', (sealed) => void (sealed.ciphertext += '=')),
  provenPart('a ciphertext in plain base64', (sealed) => void (sealed.ciphertext += '+/')),
  provenPart('a ciphertext with a line break', (sealed) => void (sealed.ciphertext += '\n')),
  ...[
    ['a protected header in another order', '{"cty":"application/json","enc":"A256GCM"}'],
    ['a protected header with compression', '{"enc":"A256GCM","cty":"application/json","zip":"DEF"}'],
    ['a protected header with another enc', '{"enc":"A128GCM","cty":"application/json"}'],
    ['an envelope of another purpose', '{"enc":"A256GCM","cty":"application/json","typ":"rekey.kept.2"}'],
  ].map(([name, header]) =>
    refused(name!, 2, genuine(name!, {}, { header: base64url(header!), form: 'split' })),
  ),
  refused(
    'an envelope of another purpose, with the proofs of the next version',
    2,
    genuine('purpose', {}, { header: joinedOf('rekey.kept.2') }),
  ),
];

/** What Rekey's own proofs cover, and does not decrypt: a fault of Rekey, or of a library. */
const undecryptable = (): EventCase[] => [
  refused(
    'a proven tag that does not fit the content',
    3,
    genuine('tag', {}, { before: (sealed) => void (sealed.tag = base64url(drawn('tag', 16))) }),
  ),
  refused(
    'a proven wrapped key that does not unwrap',
    3,
    genuine(
      'key',
      {},
      {
        before: (sealed) =>
          void (mine(sealed).encrypted_key = base64url(Buffer.concat([drawn('a', 32), drawn('b', 8)]))),
      },
    ),
  ),
];

export const refusedBySealing = (): EventCase[] => [...wrongProofs(), ...wrongForms(), ...undecryptable()];

const sealedText = (name: string, plaintext: string): EventCase =>
  refused(name, 4, eventOf({}, seal(plaintext, { label: name })));
const withRecord = (name: string, record: Record<string, unknown>, content: Content = {}): EventCase =>
  refused(name, 4, genuine(name, { ...content, record }));

const moved = (): EventCase[] => [
  refused('moved to another assistant', 4, {
    ...genuine('moved'),
    subject: 'ast_2',
    source: '/orgs/org_demo/assistants/ast_2',
  }),
  refused('moved to another org', 4, { ...genuine('moved'), source: '/orgs/org_other/assistants/ast_1' }),
  refused('another assistant in clear, of the same source', 4, { ...genuine('moved'), subject: 'ast_2' }),
  refused('a new version that is announced as a doubt', 4, { ...genuine('moved'), type: UNCERTAIN }),
  refused('a removal that is announced as a doubt', 4, {
    ...genuine('removal', { type: REMOVED }),
    type: UNCERTAIN,
  }),
  refused('a doubt that is announced as a new version', 4, {
    ...genuine('doubt', { type: UNCERTAIN, record: { assistant: { id: 'ast_1', secret_key: 'sk_test_x' } } }),
    type: ROTATED,
  }),
  refused('another type in clear', 4, { ...genuine('moved'), type: REMOVED }),
  refused('a higher version in clear', 4, {
    ...genuine('moved'),
    data: { ...genuine('moved').data, version: NOW_US },
  }),
  refused('a source that is not percent-encoded', 4, {
    ...genuine('encoded', { assistant: 'ü' }),
    source: '/orgs/org_demo/assistants/ü',
  }),
  refused('a source with lower-case hex', 4, {
    ...genuine('encoded', { assistant: 'ü' }),
    source: '/orgs/org_demo/assistants/%c3%bc',
  }),
];

const wrongPlaintext = (): EventCase[] => [
  sealedText('a plaintext that is no JSON', '{'),
  sealedText('a plaintext that is a list', '[]'),
  withRecord('a new version without an assistant', { assistant: undefined }),
  withRecord('a new version whose key is null', { assistant: { id: 'ast_1', secret_key: null } }),
  withRecord('a new version whose key is empty', { assistant: { id: 'ast_1', secret_key: '' } }),
  withRecord('a new version whose key is a number', { assistant: { id: 'ast_1', secret_key: 7 } }),
  withRecord('a removal without a reason', { removal: undefined }, { type: REMOVED }),
  refused('a version of 2^53', 4, genuine('2^53', { version: 2 ** 53, record: { ahead: true } })),
  refused(
    'an id with half a surrogate pair',
    4,
    eventOf(
      {},
      seal(JSON.stringify(recordOf({ record: { assistant_id: '\ud800' } })), { label: 'surrogate' }),
    ),
  ),
];

const ofTheFuture = (): EventCase[] =>
  [
    ['a version of more than a day ahead', {}],
    ['the same, with an ahead that is a text', { ahead: 'true' }],
    ['the same, with an ahead that is false', { ahead: false }],
  ].map(([name, record]) =>
    refused(
      name as string,
      5,
      genuine(name as string, {
        type: ROTATED,
        version: NOW_US + DAY_US + 1_000_000,
        record: record as Record<string, unknown>,
      }),
    ),
  );

export const refusedByContent = (): EventCase[] => [...moved(), ...wrongPlaintext(), ...ofTheFuture()];
