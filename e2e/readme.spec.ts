import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '@rekey/testing';

let readme: string;
beforeAll(async () => {
  readme = await readFile(join(repositoryRoot, 'README.md'), 'utf8');
});

// That its commands work as pasted shows first-hour.spec.ts.
describe('the README', () => {
  it('lists every variable that a process takes', async () => {
    const paths = ['libs/runtime/src/config.ts', 'libs/runtime/src/worker-variables.ts', 'apps/gateway/src/config.ts', 'apps/worker/src/config.ts'];
    const sources = await Promise.all(paths.map((path) => readFile(join(repositoryRoot, path), 'utf8')));
    const variables = [...sources.join('\n').matchAll(/^ +([A-Z][A-Z_]{4,}):/gm)].map(([, name]) => name!);
    expect(variables.length).toBeGreaterThan(15);
    for (const name of variables) expect(readme).toContain(`| \`${name}\` |`);
  });

  it('has docker-compose.yml hand on what the request budget is to be', async () => {
    const compose = await readFile(join(repositoryRoot, 'docker-compose.yml'), 'utf8');
    for (const name of ['INVENT_REQUESTS_PER_MINUTE', 'INVENT_EGRESS']) expect(compose).toContain(`      ${name}: \${${name}:-}\n`);
  });

  it('has docker-compose.yml demand no variable: ps, logs and down are called without them', async () => {
    const compose = await readFile(join(repositoryRoot, 'docker-compose.yml'), 'utf8');
    const substitutions = [...compose.matchAll(/\$\{([^}]*)\}/g)].map(([, inner]) => inner!);
    expect(substitutions.length).toBeGreaterThan(5);
    expect(substitutions.filter((inner) => !/^[A-Z_]+:-/.test(inner))).toEqual([]);
  });

  it('links to nothing that is not there', async () => {
    const links = [...readme.matchAll(/\]\((?!http)([^)#]+)\)/g)].map(([, path]) => path!);
    expect(links.length).toBeGreaterThan(5);
    const missing = (await Promise.all(links.map((path) => readdir(join(repositoryRoot, path)).then(() => '', (error: NodeJS.ErrnoException) => (error.code === 'ENOTDIR' ? '' : path))))).filter(Boolean);
    expect(missing).toEqual([]);
  });
});
