import { afterEach, describe, expect, it } from '@jest/globals';
import { createDraws } from './draws-fixture.ts';
import { HeldKeys } from './held-keys.ts';
import { Rows } from './rows.ts';
import { Texts } from './texts.ts';

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

const RealBuffer = ArrayBuffer;
/** From now on, the system refuses memory whenever `refuses` says so. */
const limitMemory = (refuses: () => boolean): void => {
  globalThis.ArrayBuffer = class extends RealBuffer {
    constructor(bytes: number, options?: { maxByteLength?: number }) {
      if (refuses()) throw new RangeError('Array buffer allocation failed');
      super(bytes, options);
    }
  } as ArrayBufferConstructor;
};
afterEach(() => {
  globalThis.ArrayBuffer = RealBuffer;
});

describe('texts', () => {
  it('may be empty: the first, and one after which there is no place in a chunk', () => {
    const texts = new Texts();
    texts.set(0, '');
    for (let slot = 1; slot <= 64; slot += 1) texts.set(slot, 'x'.repeat(4096));
    texts.set(65, '');
    expect([texts.get(0), texts.get(64)?.length, texts.get(65)]).toEqual(['', 4096, '']);
  });

  it('stay as they are if there is no memory for others', () => {
    const draw = createDraws();
    const texts = new Texts();
    const expected = new Map<number, string>();
    texts.reserve(2999);
    limitMemory(() => draw(3) > 0);
    for (let i = 0; i < 15_000; i += 1) {
      const slot = draw(3000);
      const text = KINDS[draw(KINDS.length)]!(draw(100_000));
      texts.set(slot, text);
      expected.set(slot, text);
    }
    expect([...expected].filter(([slot, text]) => texts.get(slot) !== text)).toEqual([]);
  });

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

describe('keys that are held', () => {
  const keyOf = (i: number, version: number) => ({
    kind: 'key' as const,
    assistantId: `ast_${i}`,
    orgId: 'org_1',
    version,
    ahead: false,
    cause: 'rotation',
    removal: undefined,
    secretKey: `sk of ${i}, ${version}`,
    updatedMs: 0,
    plaintext: '',
  });

  it('are those that were applied, also if there was no memory for others in between', () => {
    const draw = createDraws();
    const held = new HeldKeys();
    const expected = new Map<string, string>();
    let refused = 0;
    limitMemory(() => draw(2) === 0);
    for (let version = 1; version <= 60_000; version += 1) {
      const key = keyOf(draw(8000), version);
      if (draw(5) === 0) {
        held.remove(key.assistantId);
        expected.delete(key.assistantId);
        continue;
      }
      try {
        held.apply(key);
        expected.set(key.assistantId, key.secretKey);
      } catch {
        refused += 1;
      }
    }
    const found = [...held.ids()].map((id) => [id, held.signing(id)?.secretKey] as const);
    expect(new Map(found)).toEqual(expected);
    expect([found.length, held.size]).toEqual([expected.size, expected.size]);
    expect(refused).toBeGreaterThan(0);
  });

  it('are found by texts only, whatever a service passes on', () => {
    const held = new HeldKeys();
    held.apply(keyOf(1, 1));
    for (const id of [undefined, null, 7, ['ast_1'], { length: 5 }])
      expect([held.get(id as never), held.signing(id as never)]).toEqual([undefined, undefined]);
  });
});
