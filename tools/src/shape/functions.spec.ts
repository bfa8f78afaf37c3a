import { describe, expect, it } from '@jest/globals';
import { findFunctions, findIndentedFunctions } from './functions.ts';

const shapes = (text: string) =>
  findFunctions(text).map(({ name, line, lines, isSpecCallback }) => [name, line, lines, isSpecCallback]);

describe('findFunctions', () => {
  it('measures declarations, arrows, methods and accessors, each with its name', () => {
    const text = `// ü
export function declared() {
}
const arrow = (a: number) =>
  a + 1;
const cast = ((a) => a) as Fold;
class Shelf {
  constructor() {}
  get size() {
    return 1;
  }
  #inner() {}
  take = () => 1;
}
export default { method() {}, value: function () {} };
`;
    expect(shapes(text)).toEqual([
      ['declared', 2, 2, false],
      ['arrow', 4, 2, false],
      ['cast', 6, 1, false],
      ['constructor', 8, 1, false],
      ['size', 9, 3, false],
      ['inner', 12, 1, false],
      ['take', 13, 1, false],
      ['method', 15, 1, false],
      ['value', 15, 1, false],
    ]);
  });

  it('measures functions inside of functions, and gives arguments and results no name', () => {
    expect(shapes('const outer = () => {\n  list.map((a) => a);\n  return () => 1;\n};')).toEqual([
      ['outer', 1, 4, false],
      [undefined, 2, 1, false],
      [undefined, 3, 1, false],
    ]);
  });

  it('counts an overload once', () => {
    expect(shapes('function f(a: 1): 1;\nfunction f(a: 2): 2;\nfunction f(a: number) {}')).toEqual([
      ['f', 3, 1, false],
    ]);
  });

  it('marks the callbacks of specs, and not the helpers inside', () => {
    const text = `describeGrpc('a', () => {
  const helper = () => 1;
  beforeAll(async () => {});
  it.each([1])('b %i', function () {});
  list.forEach(() => {});
});`;
    expect(shapes(text).map(([name, , , isSpecCallback]) => [name, isSpecCallback])).toEqual([
      [undefined, true],
      ['helper', false],
      [undefined, true],
      [undefined, true],
      [undefined, false],
    ]);
  });
});

describe('findIndentedFunctions', () => {
  const of = (text: string, language: string) =>
    findIndentedFunctions(text, language).map(({ name, line, lines }) => [name, line, lines]);

  it('measures Lua', () => {
    const text = `local function first(a)
  if a then
    return 1
  end
end
local short = function() return 2 end
return first(1)`;
    expect(of(text, 'lua')).toEqual([
      ['first', 1, 5],
      ['short', 6, 1],
    ]);
  });

  it('measures Python, without the blank lines after a function', () => {
    const text = `class Shelf:
    def take(
        self,
    ) -> int:
        return 1

    async def put(self):
        pass


print(1)`;
    expect(of(text, 'py')).toEqual([
      ['take', 2, 4],
      ['put', 7, 2],
    ]);
  });

  it('measures shell', () => {
    expect(of('step() {\n  echo 1\n}\nstep', 'sh')).toEqual([['step', 1, 3]]);
  });
});
