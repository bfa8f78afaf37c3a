import { describe, expect, it } from '@jest/globals';
import { createGate } from './gate.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('createGate', () => {
  it('lets as many of a kind pass as it is wide, and the others in their order', async () => {
    const gate = createGate(2);
    const passed: string[] = [];
    const enter = (name: string, kind = 'a') => gate.enter(kind).then((leave) => (passed.push(name), leave));
    const [first, second] = [await enter('1'), await enter('2')];
    const third = enter('3');
    void enter('4');
    await enter('other', 'b');
    await settled();
    expect(passed).toEqual(['1', '2', 'other']);
    second();
    second();
    await settled();
    expect(passed).toEqual(['1', '2', 'other', '3']);
    (await third)();
    await settled();
    expect(passed).toEqual(['1', '2', 'other', '3', '4']);
    first();
  });

  it('is as wide as before when all have left', async () => {
    const gate = createGate(1);
    for (let i = 0; i < 3; i += 1) (await gate.enter('a'))();
    const leave = await gate.enter('a');
    let passed = false;
    void gate.enter('a').then(() => (passed = true));
    await settled();
    expect(passed).toBe(false);
    leave();
    await settled();
    expect(passed).toBe(true);
  });
});
