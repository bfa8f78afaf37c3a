import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '@rekey/testing';
import { canImport, PYTHON } from '../consumers/python-consumer.ts';
import { describeIf, succeeds } from '../support/describe-if.ts';

const PHP = '/usr/bin/php';
const run = async (program: string, ...args: string[]): Promise<unknown> => {
  const files = args.map((path) => join(repositoryRoot, path));
  const env = { PYTHONDONTWRITEBYTECODE: '1' };
  const { stdout } = await promisify(execFile)(program, files, { env }).catch(
    (error: unknown) => error as never,
  );
  return JSON.parse(stdout);
};

/** The Node SDK runs them in libs/subscriber. */
describe('docs/reference/vectors', () => {
  const folder = 'docs/reference/vectors';
  const passed = { cases: expect.any(Number), failed: [] };

  describeIf(canImport(['redis', 'jwcrypto'], 'python3-redis and python3-jwcrypto'))('in Python', () => {
    it('pass in the code of consumer.py', async () => {
      const result = await run(PYTHON, 'examples/python/check_vectors.py', folder);
      expect(result).toEqual(passed);
      expect((result as { cases: number }).cases).toBeGreaterThan(250);
    });
  });

  describeIf(succeeds(PHP, ['-v'], 'the vectors in PHP need php-cli'))('in PHP', () => {
    it('pass in the code of consumer.php', async () => {
      const result = await run(PHP, 'examples/php/check_vectors.php', folder);
      expect(result).toEqual(passed);
      expect((result as { cases: number }).cases).toBeGreaterThan(240);
    });
  });
});
