import { describe, expect, it } from '@jest/globals';
import { createDistinctIds } from './distinct-ids.ts';

const COUNT = 200_000;
const shapes: [string, (i: number) => string][] = [
  ['count up', (i) => `ast_${i}`],
  ['differ in their last letters', (i) => `${'a'.repeat(30)}${i.toString(36)}`],
  ['differ in their first letters', (i) => `${i.toString(36)}${'a'.repeat(30)}`],
  [
    'differ in two letters far apart',
    (i) => `${String.fromCharCode(33 + (i % 90))}${'-'.repeat(20)}${Math.floor(i / 90)}`,
  ],
  ['differ in their length alone', (i) => (i < 2000 ? 'a'.repeat(i) : `b${i}`)],
  ['have the same letters in another order', (i) => [...i.toString(2).padStart(18, '0')].join('.')],
  [
    'are of letters beyond ASCII',
    (i) => `助手${String.fromCodePoint(0x1_f300 + (i % 700))}é${Math.floor(i / 700)}`,
  ],
  [
    'differ in the high half of a letter alone',
    (i) =>
      [
        String.fromCharCode(0x1_00 * (1 + (i % 200)) + 0x61),
        String.fromCharCode(0x1_00 * (1 + (Math.floor(i / 200) % 200)) + 0x61),
        Math.floor(i / 40_000),
      ].join(''),
  ],
  [
    'look like UUIDs',
    (i) => `00000000-0000-4000-8000-${((i * 2_654_435_761) % 2 ** 48).toString(16).padStart(12, '0')}`,
  ],
];

describe('distinct ids', () => {
  it.each(shapes)('are told from repeated ones exactly if they %s', (_, idOf) => {
    const distinct = createDistinctIds();
    const exact = new Set<string>();
    const wrong: string[] = [];
    for (let i = 0; i < COUNT; i += 1) {
      // A third of them are repeated.
      const id = idOf(i % 3 === 2 ? (i * 7) % (i + 1) : i);
      const isNew = !exact.has(id);
      exact.add(id);
      if (distinct.add(id) !== isNew) wrong.push(id);
    }
    expect(wrong).toEqual([]);
    expect(exact.size).toBeGreaterThan(COUNT / 2);
  });

  it('may be empty, and an empty id is new once', () => {
    const distinct = createDistinctIds();
    expect([distinct.add(''), distinct.add('a'), distinct.add(''), distinct.add('a')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('of one list do not affect another', () => {
    createDistinctIds().add('a');
    expect(createDistinctIds().add('a')).toBe(true);
  });
});
