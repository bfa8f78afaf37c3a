import { describe, expect, it } from '@jest/globals';
import { findDeadExports } from './dead-exports.ts';

const lib = (name: string) =>
  JSON.stringify({
    name: `@rekey/${name}`,
    exports: { '.': { '@rekey/source': './src/index.ts' } },
  });

/** The dead exports of a tree with two packages, a and b. */
const deadOf = (files: Record<string, string>): string[] => {
  const packages = {
    'libs/a/package.json': lib('a'),
    'libs/b/package.json': lib('b'),
  };
  return findDeadExports(new Map(Object.entries({ ...packages, ...files }))).map(
    ({ path, name }) => `${path} ${name}`,
  );
};

describe('findDeadExports', () => {
  it('finds what no other file imports, whatever kind of declaration it is', () => {
    const text = `export const { one, two: [three = 1] } = x, four = 4;
export function five() {}
export class Six {}
export interface Seven {}
export type Eight = 8;
const nine = 9;
export { nine as ten };
export default 11;
four;`;
    expect(deadOf({ 'libs/a/src/a.ts': text })).toEqual(
      ['one', 'three', 'four', 'five', 'Six', 'Seven', 'Eight', 'ten', 'default'].map(
        (name) => `libs/a/src/a.ts ${name}`,
      ),
    );
  });

  it('counts each kind of import', () => {
    const files = {
      'libs/a/src/a.ts': 'export const a = 1; export default 1; export const b = 2; export type C = 3;',
      'libs/a/src/star.ts': 'export const s = 1;',
      'libs/a/src/lazy.ts': 'export const l = 1;',
      'libs/a/src/user.ts': `import d, { a as other, type C } from './a.ts';
import * as star from './star.ts';
const lazy = await import('./lazy.ts');
type B = import('./a.ts').b;`,
    };
    expect(deadOf(files)).toEqual([]);
  });

  it('does not count a re-export: what a contract names must be imported by its name', () => {
    const files = {
      'libs/a/src/index.ts': "export { used, unused } from './a.ts'; export * from './stars.ts';",
      'libs/a/src/a.ts': 'export const used = 1; export const unused = 2;',
      'libs/a/src/stars.ts': 'export const star = 1; export const dark = 2;',
      'libs/b/src/index.ts': "import { used, star } from '@rekey/a';",
    };
    expect(deadOf(files)).toEqual([
      'libs/a/src/index.ts unused',
      'libs/a/src/a.ts unused',
      'libs/a/src/stars.ts dark',
    ]);
  });

  it('counts the imports of examples, in prose and in programs that specs write', () => {
    const files = {
      'libs/a/src/index.ts': 'export const one = 1; export type Two = 2; export const three = 3;',
      'docs/a.md': "```ts\nimport {\n  one,\n  type Two as Other,\n} from '@rekey/a';\n```",
      'e2e/a.spec.ts': 'const program = `import { three } from "@rekey/a";`;',
    };
    expect(deadOf(files)).toEqual([]);
  });

  it('leaves out generated files, declarations, and the default exports that tools read', () => {
    const files = {
      'libs/a/src/generated/a.ts': 'export const a = 1;',
      'libs/a/a.d.ts': 'export default a;',
      'libs/a/jest.config.js': 'export default {};',
    };
    expect(deadOf(files)).toEqual([]);
  });

  it('takes the names of public contracts as used, and what they re-export', () => {
    const files = {
      'libs/client/src/index.ts': "export type { Rotation } from './models.ts';",
      'libs/client/src/models.ts': 'export interface Rotation {} export interface Inner {}',
    };
    expect(deadOf(files)).toEqual(['libs/client/src/models.ts Inner']);
  });
});
