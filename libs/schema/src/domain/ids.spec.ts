import { describe, expect, it } from '@jest/globals';
import { AssistantId, OrgId, RequestId, RotationId, StoredId, SweepId } from './ids.ts';

describe('AssistantId', () => {
  it.each(['ast_3KBrzrQtmz96OiN97iIztc', 'c', 'a.b', 'ümlaut', 'ä,"x"', 'x'.repeat(256)])(
    'accepts %j',
    (id) => {
      expect(AssistantId.parse(id)).toBe(id);
    },
  );

  it.each([
    '',
    'x'.repeat(257),
    'ü'.repeat(129),
    'a\nb',
    'a\u0000',
    'a\u001b[31m',
    'a\u2028b',
    '.',
    '..',
    '../../x',
    'a/b',
    'a\\b',
    '%2e%2e',
    'a?b',
    'a#b',
    '\ud800',
  ])('rejects %j', (id) => {
    expect(AssistantId.safeParse(id).success).toBe(false);
  });
});

/** Each kind of white space and of invisible characters. */
const invisible = [
  ' ',
  '\t',
  '\r',
  '\u0085',
  '\u00a0',
  '\u00ad',
  '\u034f',
  '\u061c',
  '\u115f',
  '\u1680',
  '\u180e',
  '\u2003',
  '\u200b',
  '\u200d',
  '\u200e',
  '\u2028',
  '\u202e',
  '\u202f',
  '\u205f',
  '\u2060',
  '\u2066',
  '\u2800',
  '\u3000',
  '\u3164',
  '\ufe0f',
  '\ufeff',
  '\uffa0',
  '\u{e0041}',
  '\u{e0100}',
];

describe.each([
  ['OrgId', OrgId],
  ['AssistantId', AssistantId],
])('%s', (_name, schema) => {
  it.each(
    invisible.flatMap((character) => [
      `${character}ast_1`,
      `ast_1${character}`,
      `ast${character}1`,
      character,
    ]),
  )('rejects white space and invisible characters: %j', (id) => {
    expect(schema.safeParse(id).success).toBe(false);
  });
});

describe('StoredId', () => {
  it('accepts ids of earlier versions, and nothing else', () => {
    expect(StoredId.parse('bad id')).toBe('bad id');
    for (const id of ['', 'a/b', '..', 'a\nb']) expect(StoredId.safeParse(id).success).toBe(false);
  });
});

describe('RequestId', () => {
  it('treats upper and lower case as the same id', () => {
    expect(RequestId.parse('3F2504E0-4F89-41D3-9A0C-0305E82C3301')).toBe(
      '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
    );
  });

  it.each([
    ['1', '3f2504e0-4f89-11d3-9a0c-0305e82c3301'],
    ['4', '3f2504e0-4f89-41d3-9a0c-0305e82c3301'],
    ['7', '0190163d-8694-739b-aea5-966c26f8ad91'],
    ['of no known variant', '3f2504e0-4f89-01d3-0a0c-0305e82c3301'],
  ])('accepts a UUID of version %s', (_version, id) => {
    expect(RequestId.parse(id)).toBe(id);
  });

  it.each([
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    'FFFFFFFF-ffff-FFFF-ffff-FFFFFFFFFFFF',
  ])('rejects %s, which many clients send by mistake', (id) => {
    expect(RequestId.safeParse(id).error?.issues.map(({ message }) => message)).toEqual([
      'must not be the nil or max UUID: generate one for each request',
    ]);
  });

  it.each(['', 'x', '3f2504e04f8941d39a0c0305e82c3301', '3f2504e0-4f89-41d3-9a0c-0305e82c3301 '])(
    'rejects %j',
    (id) => {
      expect(RequestId.safeParse(id).success).toBe(false);
    },
  );
});

describe('RotationId', () => {
  it.each([
    '',
    'rot_',
    '01ARZ3NDEKTSV4RRFFQ69G5FAV',
    'rot_01ARZ3NDEKTSV4RRFFQ69G5FAI',
    'rot_01ARZ3NDEKTSV4RRFFQ69G5FA*',
  ])('rejects %j', (id) => {
    expect(RotationId.safeParse(id).success).toBe(false);
  });
});

describe('SweepId', () => {
  it('accepts swp_ and a ULID', () => {
    expect(SweepId.parse('swp_01ARZ3NDEKTSV4RRFFQ69G5FAV')).toBe('swp_01ARZ3NDEKTSV4RRFFQ69G5FAV');
  });

  it.each(['', 'swp_', 'rot_01ARZ3NDEKTSV4RRFFQ69G5FAV', 'swp_01ARZ3NDEKTSV4RRFFQ69G5FAI'])(
    'rejects %j',
    (id) => {
      expect(SweepId.safeParse(id).success).toBe(false);
    },
  );
});
