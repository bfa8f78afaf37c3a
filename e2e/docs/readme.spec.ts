import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { proxyFor } from '@rekey/invent';
import { repositoryRoot } from '@rekey/testing';
import { parse } from 'yaml';

let readme: string;
let variablesPage: string;
beforeAll(async () => {
  readme = await readFile(join(repositoryRoot, 'README.md'), 'utf8');
  variablesPage = await readFile(join(repositoryRoot, 'docs/reference/environment.md'), 'utf8');
});

// first-hour.spec.ts shows that its commands work as pasted.
describe('the README', () => {
  it('leads to a page that lists every variable of a process', async () => {
    const paths = [
      'libs/runtime/src/config/environment.ts',
      'libs/runtime/src/config/worker-variables.ts',
      'apps/gateway/src/config.ts',
      'apps/worker/src/config.ts',
    ];
    const sources = await Promise.all(paths.map((path) => readFile(join(repositoryRoot, path), 'utf8')));
    const variables = [...sources.join('\n').matchAll(/^ +([A-Z][A-Z_]{4,}):/gm)].map(([, name]) => name!);
    expect(variables.length).toBeGreaterThan(15);
    expect(readme).toContain('](docs/reference/environment.md)');
    for (const name of variables) expect(variablesPage).toContain(`| \`${name}\` |`);
  });

  it('has docker-compose.yml pass on the settings of the request budget', async () => {
    const compose = await readFile(join(repositoryRoot, 'docker-compose.yml'), 'utf8');
    for (const name of ['INVENT_REQUESTS_PER_MINUTE', 'INVENT_EGRESS'])
      expect(compose).toContain(`      ${name}: \${${name}:-}\n`);
  });

  it('has docker-compose.yml require no variable: ps, logs and down run without them', async () => {
    const compose = await readFile(join(repositoryRoot, 'docker-compose.yml'), 'utf8');
    const substitutions = [...compose.matchAll(/\$\{([^}]*)\}/g)].map(([, inner]) => inner!);
    expect(substitutions.length).toBeGreaterThan(5);
    expect(substitutions.filter((inner) => !/^[A-Z_]+:?-/.test(inner))).toEqual([]);
  });

  describe('has docker-compose.yml pass on the proxy for Invent only', () => {
    /**
     * The environment of a container, if Docker injects variables of its own (`proxies` in its config.json).
     */
    const environmentOf = async (
      service: string,
      host: Record<string, string>,
      injected: Record<string, string>,
    ): Promise<Record<string, string>> => {
      const { services } = parse(await readFile(join(repositoryRoot, 'docker-compose.yml'), 'utf8'), {
        merge: true,
      });
      const substitute = (text: string): string =>
        text.replace(
          /\$\{(\w+):-((?:[^{}]|\{[^{}]*\})*)\}/g,
          (_all, name: string, otherwise: string) => host[name] || substitute(otherwise),
        );
      const given = Object.entries(services[service].environment as Record<string, unknown>).map(
        ([name, value]) => [name, substitute(String(value))],
      );
      return { ...injected, ...Object.fromEntries(given) };
    };
    const everyVariable = (value: string) =>
      Object.fromEntries(
        ['https_proxy', 'http_proxy', 'all_proxy', 'no_proxy', 'ftp_proxy'].flatMap((name) => [
          [name, value],
          [name.toUpperCase(), value],
        ]),
      );
    const invent = new URL('https://api.useinvent.com');
    const simulator = new URL('http://simulator:4010');

    it.each<[string, Record<string, string>, string | undefined]>([
      ['none', {}, undefined],
      ['HTTPS_PROXY', { HTTPS_PROXY: 'http://given:3128' }, 'http://given:3128'],
      ['https_proxy', { https_proxy: 'http://given:3128' }, 'http://given:3128'],
      ['both', { HTTPS_PROXY: 'http://given:3128', https_proxy: 'http://lower:3128' }, 'http://given:3128'],
      [
        'HTTPS_PROXY and NO_PROXY',
        { HTTPS_PROXY: 'http://given:3128', NO_PROXY: 'useinvent.com' },
        undefined,
      ],
      [
        'https_proxy and no_proxy',
        { https_proxy: 'http://given:3128', no_proxy: 'useinvent.com' },
        undefined,
      ],
      [
        'HTTP_PROXY and ALL_PROXY, which are for other hosts',
        {
          HTTP_PROXY: 'http://given:3128',
          http_proxy: 'http://given:3128',
          ALL_PROXY: 'http://given:3128',
          all_proxy: 'http://given:3128',
        },
        undefined,
      ],
    ])('whatever Docker injects: %s', async (_what, host, origin) => {
      for (const injected of [
        {},
        everyVariable('http://injected:3128'),
        { ...everyVariable('http://injected:3128'), no_proxy: '*', NO_PROXY: '*' },
      ]) {
        const environment = await environmentOf('worker', host, injected);
        expect(proxyFor(invent, environment)?.origin).toBe(origin);
        expect(proxyFor(simulator, environment)).toBeUndefined();
        expect(['all_proxy', 'ALL_PROXY'].map((name) => environment[name] ?? '')).toEqual(['', '']);
      }
    });

    // gRPC uses these, in lower case, for every address that is not on loopback.
    it.each(['gateway', 'worker'])(
      'and no proxy for the gateway to `rekey` in a container of the %s',
      async (service) => {
        const environment = await environmentOf(service, everyVariable('http://given:3128'), {
          ...everyVariable('http://injected:3128'),
          grpc_proxy: 'http://injected:3128',
        });
        expect(['grpc_proxy', 'https_proxy', 'http_proxy'].map((name) => environment[name])).toEqual([
          '',
          '',
          '',
        ]);
      },
    );
  });

  it('has no broken link', async () => {
    const links = [...readme.matchAll(/\]\((?!http)([^)#]+)\)/g)].map(([, path]) => path!);
    expect(links.length).toBeGreaterThan(5);
    const missing = (
      await Promise.all(
        links.map((path) =>
          readdir(join(repositoryRoot, path)).then(
            () => '',
            (error: NodeJS.ErrnoException) => (error.code === 'ENOTDIR' ? '' : path),
          ),
        ),
      )
    ).filter(Boolean);
    expect(missing).toEqual([]);
  });
});
