import { describe, expect, it } from '@jest/globals';
import { createKeyedSemaphore } from './keyed-semaphore.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('createKeyedSemaphore', () => {
  it('admits up to its number of permits for each key, and then in the order of arrival', async () => {
    const semaphore = createKeyedSemaphore(2);
    const passed: string[] = [];
    const acquire = (name: string, key = 'a') =>
      semaphore.acquire(key).then((release) => (passed.push(name), release));
    const [first, second] = [await acquire('1'), await acquire('2')];
    const third = acquire('3');
    void acquire('4');
    await acquire('other', 'b');
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

  it('has all its permits again once every holder has released', async () => {
    const semaphore = createKeyedSemaphore(1);
    for (let i = 0; i < 3; i += 1) (await semaphore.acquire('a'))();
    const release = await semaphore.acquire('a');
    let passed = false;
    void semaphore.acquire('a').then(() => (passed = true));
    await settled();
    expect(passed).toBe(false);
    release();
    await settled();
    expect(passed).toBe(true);
  });
});
