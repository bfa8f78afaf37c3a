import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { follow, type Followed } from './follow.ts';

let folder: string;
let path: string;
let followed: Followed;
let refusals: string[];
let fault: string | undefined;

beforeEach(() => {
  jest.useFakeTimers();
  folder = mkdtempSync(join(tmpdir(), 'rekey-follow-'));
  path = join(folder, 'file');
  writeFileSync(path, 'first');
  refusals = [];
  fault = undefined;
  followed = follow({
    look: () => {
      if (fault !== undefined) throw new Error(fault);
      return true;
    },
    refusalOf: (thrown) => thrown as Error,
    paths: [path],
    onRefused: ({ message }) => refusals.push(message),
  });
});
afterEach(() => {
  followed.close();
  jest.useRealTimers();
  rmSync(folder, { recursive: true });
});

/** Lets time pass while the file changes before each look. */
const passWriting = async (ms: number): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 50) {
    writeFileSync(path, 'x'.repeat(1 + (passed % 1000)));
    await jest.advanceTimersByTimeAsync(50);
  }
};

describe('a file that cannot be used', () => {
  it('is complained about once, at the second look', async () => {
    fault = 'the file is empty';
    await jest.advanceTimersByTimeAsync(1000);
    expect(refusals).toEqual([]);
    await jest.advanceTimersByTimeAsync(5000);
    expect(refusals).toEqual(['the file is empty']);
    expect(followed.refusedSinceMs()).toBeDefined();
  });

  it('is not complained about while it is written, though two looks find the same fault', async () => {
    fault = 'the file is empty';
    await passWriting(4000);
    expect(refusals).toEqual([]);
    fault = undefined;
    await passWriting(4000);
    expect(refusals).toEqual([]);
    expect(followed.refusedSinceMs()).toBeUndefined();
  });

  it('is complained about if it is written for longer, too', async () => {
    fault = 'the file is empty';
    await passWriting(8000);
    expect(refusals).toEqual(['the file is empty']);
  });
});
