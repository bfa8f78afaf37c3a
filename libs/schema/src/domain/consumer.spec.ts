import { describe, expect, it } from '@jest/globals';
import { Acknowledgement } from './consumer.ts';
import { isAcknowledged } from '../states/acknowledgement-state.ts';

const acknowledgementsOf = (states: Record<string, string>) =>
  Object.entries(states).map(([consumer, state]) => ({ consumer, state }));

describe('isAcknowledged', () => {
  it.each<[boolean, Record<string, string>, string[]]>([
    [true, { a: 'ACKNOWLEDGED' }, []],
    [true, { a: 'ACKNOWLEDGED', b: 'GONE' }, []],
    [false, { a: 'ACKNOWLEDGED', b: 'PENDING' }, []],
    [false, { a: 'ACKNOWLEDGED', b: 'UNAPPLIED' }, []],
    [false, {}, []],
    [false, { a: 'GONE' }, []],
    [false, { a: 'GONE', b: 'GONE' }, []],
    [true, { a: 'ACKNOWLEDGED', b: 'PENDING' }, ['a']],
    [false, { a: 'GONE', b: 'ACKNOWLEDGED' }, ['a']],
    [false, { a: 'UNAPPLIED', b: 'ACKNOWLEDGED' }, ['a', 'b']],
    [true, { a: 'ACKNOWLEDGED', b: 'ACKNOWLEDGED' }, ['a', 'b']],
    [false, { b: 'ACKNOWLEDGED' }, ['a']],
    [false, { b: 'ACKNOWLEDGED' }, ['a', 'b']],
    [false, {}, ['a']],
  ])('returns %s for %j with these named consumers: %j', (expected, states, named) => {
    expect(isAcknowledged(acknowledgementsOf(states), named)).toBe(expected);
  });
});

describe('Acknowledgement', () => {
  const ack = {
    consumer: 'billing',
    instance: 'i',
    lease_ms: 1000,
    position: '5-0',
    seq: 5,
    keys: 2,
    unapplied: { count: 0, first: [] },
    leaving: false,
  };

  it('accepts refusals or none, and ignores unknown fields', () => {
    const refused = { count: 30, first: [{ assistant_id: 'ast_1', version: 0, why: 'forged' }] };
    expect(Acknowledgement.parse(ack)).toEqual(ack);
    expect(Acknowledgement.parse({ ...ack, refused, later: 1 })).toEqual({ ...ack, refused });
    expect(Acknowledgement.safeParse({ ...ack, refused: { count: -1, first: [] } }).success).toBe(false);
  });
});
