import { describe, expect, it } from '@jest/globals';
import { byLabel, firstLabels } from './labels.ts';

const sum = (one: number, another: number) => one + another;
const labelled = (values: [string, number][]) => [...byLabel(values, (value) => value, sum)];

describe('labels of a gauge', () => {
  it('are the names of the largest 20, and `other` for the sum of the rest', () => {
    const values = Array.from({ length: 3000 }, (_, i): [string, number] => [`org_${i}`, i]);
    const labels = labelled(values);
    expect(labels).toHaveLength(21);
    expect(labels.slice(0, 2)).toEqual([
      ['org_2999', 2999],
      ['org_2998', 2998],
    ]);
    expect(labels.at(-1)).toEqual(['other', (2979 * 2980) / 2]);
  });

  it('name all of a few', () => {
    expect(
      labelled([
        ['org_1', 1],
        ['org_2', 2],
      ]),
    ).toEqual([
      ['org_2', 2],
      ['org_1', 1],
    ]);
  });

  it('merge a name that is `other` itself, and names that are equal once they are cut', () => {
    expect(labelled([['other', 5], ...Array.from({ length: 21 }, (): [string, number] => ['x', 1])])).toEqual(
      [
        ['other', 7],
        ['x', 19],
      ],
    );
    const long = 'x'.repeat(1_000_000);
    expect(
      labelled([
        [`${long}1`, 2],
        [`${long}2`, 1],
      ]),
    ).toEqual([[`${'x'.repeat(128)}…`, 3]]);
  });

  it.each([
    ['a\nb', 'a?b'],
    ['a\u2028b', 'a?b'],
    ['a\ud800', 'a\ufffd'],
  ])('have no control characters: %j', (name, label) => {
    expect(labelled([[name, 1]])).toEqual([[label, 1]]);
  });
});

describe('labels of a counter', () => {
  it('are the first 20 names, and stay theirs', () => {
    const label = firstLabels();
    const names = Array.from({ length: 30 }, (_, i) => `svc-${i}`);
    expect(names.map(label)).toEqual([...names.slice(0, 20), ...Array.from({ length: 10 }, () => 'other')]);
    expect(label('svc-3')).toBe('svc-3');
    expect(label('svc-29')).toBe('other');
  });
});
