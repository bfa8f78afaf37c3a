import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';

/** Creates a folder for the cases of a spec. Returns a function that returns its path. */
export const useFolder = (name: string): (() => string) => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), `rekey-${name}-`));
  });
  afterAll(() => rm(folder, { recursive: true }));
  return () => folder;
};
