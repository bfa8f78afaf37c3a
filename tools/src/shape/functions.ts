import { childrenOf, isNode, parseSource, type SyntaxNode } from './syntax.ts';

export interface FunctionShape {
  /** Undefined for a function that is an argument or a result. */
  name: string | undefined;
  line: number;
  lines: number;
  /** The callback of `describe`, `it`, `beforeAll` and the like. */
  isSpecCallback: boolean;
}

const FUNCTIONS = new Set([
  'ArrowFunctionExpression',
  'FunctionExpression',
  'FunctionDeclaration',
  'ClassMethod',
  'PrivateMethod',
  'Constructor',
  'MethodProperty',
  'GetterProperty',
  'SetterProperty',
]);
/** Expressions that may stand between a name and its function. */
const TRANSPARENT = new Set(['ParenthesisExpression', 'TsAsExpression', 'TsSatisfiesExpression']);
/** Also names such as `describeGrpc`, which a spec gives to `describe` or `describe.skip`. */
const SPEC_CALL = /^((describe|it|test)([A-Z]\w*)?|(before|after)(All|Each))$/;

const nameIn = (value: unknown): string | undefined =>
  isNode(value) && typeof value['value'] === 'string' ? value['value'] : undefined;

/** The name that a node gives to the function in it. */
const givenName = (node: SyntaxNode): string | undefined =>
  nameIn(node['identifier'] ?? node['id'] ?? node['key'] ?? node['left']);

/** `it`, of `it(…)`, `it.each(…)(…)`, `describe.skip(…)`. */
const rootOfCallee = (node: unknown): string | undefined => {
  if (!isNode(node)) return undefined;
  if (node.type === 'MemberExpression') return rootOfCallee(node['object']);
  if (node.type === 'CallExpression') return rootOfCallee(node['callee']);
  return nameIn(node);
};

const isSpecCall = (node: SyntaxNode): boolean =>
  node.type === 'CallExpression' && SPEC_CALL.test(rootOfCallee(node['callee']) ?? '');

/** Finds the functions of TypeScript or JavaScript text, nested ones included. */
export const findFunctions = (text: string): FunctionShape[] => {
  const { body, linesOf } = parseSource(text);
  const found: FunctionShape[] = [];
  const visit = (node: SyntaxNode, name: string | undefined, isSpecCallback: boolean): void => {
    const isFunction = FUNCTIONS.has(node.type);
    // An overload has no body.
    if (isFunction && (node['body'] ?? node['function'])) {
      const { from, to } = linesOf(node);
      found.push({
        name: givenName(node) ?? name,
        line: from,
        lines: to - from + 1,
        isSpecCallback,
      });
    }
    const inner = TRANSPARENT.has(node.type) ? name : isFunction ? undefined : givenName(node);
    for (const child of childrenOf(node)) visit(child, inner, isSpecCall(node));
  };
  for (const node of body) visit(node, undefined, false);
  return found;
};

interface BlockSyntax {
  begins: RegExp;
  /**
   * Whether the next line at the function's own depth, or at a lower one, is its last line or comes after it.
   */
  ends: 'last' | 'after';
}

const blockSyntaxes: Record<string, BlockSyntax> = {
  lua: {
    begins: /^(\s*)(?:local\s+)?(?:function\s+([\w.:]+)|([\w.]+)\s*=\s*function\b)/,
    ends: 'last',
  },
  py: { begins: /^(\s*)(?:async\s+)?def\s+(\w+)/, ends: 'after' },
  sh: {
    begins: /^(\s*)(?:function\s+)?([\w-]+)\s*\(\)\s*\{\s*$/,
    ends: 'last',
  },
};

/** Finds the functions of Lua, Python or shell text by their indentation. */
export const findIndentedFunctions = (text: string, language: string): FunctionShape[] => {
  const { begins, ends } = blockSyntaxes[language]!;
  const lines = text.split('\n');
  return lines.flatMap((first, i) => {
    const [whole, indent, ...names] = begins.exec(first) ?? [];
    if (whole === undefined) return [];
    const isAtDepth = (line: string) => line.trim() !== '' && /^\s*/.exec(line)![0].length <= indent!.length;
    const isOneLine = ends === 'last' && /\bend\s*,?\s*$/.test(first);
    const after = lines.findIndex((line, at) => at > i && isAtDepth(line) && !/^\s*\)/.test(line));
    const end = isOneLine ? i + 1 : after === -1 ? lines.length : ends === 'last' ? after + 1 : after;
    const length = lines.slice(i, end).join('\n').trimEnd().split('\n').length;
    return [
      {
        name: names.find(Boolean),
        line: i + 1,
        lines: length,
        isSpecCallback: false,
      },
    ];
  });
};
