import { parseSync } from '@swc/core';

/** A node of swc's syntax tree. Its fields depend on its type. */
export interface SyntaxNode {
  type: string;
  span?: { start: number; end: number };
  [field: string]: unknown;
}

interface Syntax {
  body: SyntaxNode[];
  /** The lines on which a node begins and ends, from 1 on. */
  linesOf(node: SyntaxNode): { from: number; to: number };
}

export const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === 'object' && value !== null && typeof (value as SyntaxNode).type === 'string';

/**
 * The children of a node. Some objects of swc's tree have no type: the nodes in them count as children too.
 */
export const childrenOf = (node: object): SyntaxNode[] =>
  Object.values(node).flatMap((value: unknown) => {
    if (isNode(value)) return [value];
    return typeof value === 'object' && value !== null ? childrenOf(value) : [];
  });

/** Parses TypeScript or JavaScript. */
export const parseSource = (text: string): Syntax => {
  const { body } = parseSync(text, {
    syntax: 'typescript',
    target: 'esnext',
  }) as unknown as {
    body: SyntaxNode[];
  };
  const bytes = Buffer.from(text);
  const lineStarts = [0];
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) lineStarts.push(at + 1);
  // swc's positions are byte offsets from 1 on.
  const lineOf = (position: number) => {
    let [low, high] = [0, lineStarts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (lineStarts[middle]! <= position - 1) low = middle;
      else high = middle;
    }
    return low + 1;
  };
  return {
    body,
    linesOf: ({ span }) => ({
      from: lineOf(span!.start),
      to: lineOf(span!.end - 1),
    }),
  };
};
