import { describe, expect, it } from '@jest/globals';
import { AssistantId, RequestId, RotationId, SweepId } from './ids.ts';

describe('AssistantId', () => {
  it.each(['ast_3KBrzrQtmz96OiN97iIztc', 'c', 'a.b', 'ümlaut', 'with space', 'x'.repeat(256)])('takes %j', (id) => {
    expect(AssistantId.parse(id)).toBe(id);
  });

  it.each(['', 'x'.repeat(257), 'ü'.repeat(129), 'a\nb', 'a\u0000', 'a\u001b[31m', 'a\u2028b', '.', '..', '../../x', 'a/b', 'a\\b', '%2e%2e', 'a?b', 'a#b', '\ud800'])(
    'refuses %j',
    (id) => {
      expect(AssistantId.safeParse(id).success).toBe(false);
    },
  );
});

describe('RequestId', () => {
  it('takes a UUID in either case as the same id', () => {
    expect(RequestId.parse('3F2504E0-4F89-41D3-9A0C-0305E82C3301')).toBe('3f2504e0-4f89-41d3-9a0c-0305e82c3301');
  });

  it.each(['', 'x', '3f2504e04f8941d39a0c0305e82c3301', '3f2504e0-4f89-41d3-9a0c-0305e82c3301 '])('refuses %j', (id) => {
    expect(RequestId.safeParse(id).success).toBe(false);
  });
});

describe('RotationId', () => {
  it.each(['', 'rot_', '01ARZ3NDEKTSV4RRFFQ69G5FAV', 'rot_01ARZ3NDEKTSV4RRFFQ69G5FAI', 'rot_01ARZ3NDEKTSV4RRFFQ69G5FA*'])('refuses %j', (id) => {
    expect(RotationId.safeParse(id).success).toBe(false);
  });
});

describe('SweepId', () => {
  it('takes swp_ and a ULID', () => {
    expect(SweepId.parse('swp_01ARZ3NDEKTSV4RRFFQ69G5FAV')).toBe('swp_01ARZ3NDEKTSV4RRFFQ69G5FAV');
  });

  it.each(['', 'swp_', 'rot_01ARZ3NDEKTSV4RRFFQ69G5FAV', 'swp_01ARZ3NDEKTSV4RRFFQ69G5FAI'])('refuses %j', (id) => {
    expect(SweepId.safeParse(id).success).toBe(false);
  });
});
