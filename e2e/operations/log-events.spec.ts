import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { logEvents } from '@rekey/runtime';
import { repositoryRoot } from '@rekey/testing';

it('every event of the table is logged somewhere', () => {
  const paths = execFileSync('git', ['ls-files', 'apps/*.ts', 'libs/*.ts'], {
    cwd: repositoryRoot,
    encoding: 'utf8',
  });
  const sources = paths
    .split('\n')
    .filter(
      (path) =>
        path !== '' && !path.endsWith('.spec.ts') && !path.startsWith('libs/runtime/src/logging/events/'),
    )
    .map((path) => readFileSync(join(repositoryRoot, path), 'utf8'))
    .join('\n');
  expect(Object.keys(logEvents).filter((name) => !sources.includes(`'${name}'`))).toEqual([]);
});
