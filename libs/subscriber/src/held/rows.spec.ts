import { describe, expect, it } from '@jest/globals';
import { Rows } from './rows.ts';
import { Texts } from './texts.ts';

/** The same numbers in each run: a failure can be repeated. */
const createDraws = () => {
  let state = 1117;
  return (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
};

/** Of all widths and lengths, well-formed or not. */
const KINDS = [
  (i: number) => `sk_${i}`,
  (i: number) => `sk_${i}`.padEnd(i % 90, 'ÿé'),
  (i: number) => `key ${i} 🔑 Ā`,
  (i: number) => `half of a pair: \ud83d${i}`,
  (i: number) => `${i}`.repeat(1 + (i % 900)),
  (i: number) => `${i}`.padStart(4096 + (i % 3) - 1, 'x'),
  (i: number) => `${i}`.padStart(2048 + (i % 3) - 1, '\u0100'),
  () => '',
];

describe('texts', () => {
  it('are as a map has them, after any changes', () => {
    const draw = createDraws();
    const texts = new Texts();
    const expected = new Map<number, string>();
    for (let i = 0; i < 20_000; i += 1) {
      const slot = draw(3000);
      if (draw(4) === 0) {
        texts.delete(slot);
        expected.delete(slot);
      } else {
        const text = KINDS[draw(KINDS.length)]!(draw(100_000));
        texts.set(slot, text);
        expected.set(slot, text);
      }
    }
    const isRight = (slot: number): boolean => {
      const text = expected.get(slot);
      const isSet = text !== undefined;
      return (
        texts.get(slot) === text &&
        texts.has(slot) === isSet &&
        texts.equals(slot, text ?? '') === isSet &&
        !texts.equals(slot, `${text}.`) &&
        !texts.equals(slot, `.${text?.slice(1)}`)
      );
    };
    const slots = Array.from({ length: 3001 }, (_, slot) => slot);
    expect(slots.filter((slot) => !isRight(slot))).toEqual([]);
    texts.clear();
    expect([...expected.keys()].filter((slot) => texts.has(slot))).toEqual([]);
  });

  it('take no more memory if each is replaced by others, of other lengths too', () => {
    const texts = new Texts();
    for (let round = 0; round < 100; round += 1)
      for (let slot = 0; slot < 1000; slot += 1) texts.set(slot, 'k'.repeat(500 + round));
    expect(texts.get(999)).toBe('k'.repeat(599));
    expect(texts.bytes).toBeLessThanOrEqual(2 * 1024 * 1024);
  });
});

describe('rows', () => {
  it('find each id as a map does, while ids come and go', () => {
    const draw = createDraws();
    const rows = new Rows();
    const expected = new Map<string, number>();
    const idOf = (i: number) => (i % 50 === 0 ? KINDS[draw(KINDS.length)]!(i) : `ast_${i}`);
    const wrong: string[] = [];
    for (let i = 0; i < 60_000; i += 1) {
      const id = idOf(draw(12_000));
      if (rows.find(id) !== expected.get(id)) wrong.push(id);
      if (draw(3) === 0) {
        rows.delete(id);
        expected.delete(id);
      } else {
        const row = rows.ensure(id);
        if (row !== (expected.get(id) ?? row)) wrong.push(id);
        expected.set(id, row);
      }
    }
    expect(new Set(expected.values()).size).toBe(expected.size);
    expect([...rows.ids()].toSorted()).toEqual([...expected.keys()].toSorted());
    for (const [id, row] of expected) if (rows.idOf(row) !== id) wrong.push(id);
    expect(wrong).toEqual([]);
  });
});
