import { posix } from 'node:path';
import { isConfiguration, isGenerated, publicContracts } from './limits.ts';
import type { SourceTree } from './source-tree.ts';
import { childrenOf, isNode, parseSource, type SyntaxNode } from './syntax.ts';

/** Stands for every name of a file. */
const ALL = '*';

interface Reference {
  /** The specifier as it is written. */
  from: string;
  name: string;
}

interface Module {
  /** The names that it exports, each with what it re-exports. */
  exports: Map<string, Reference | undefined>;
  /** `export * from`. */
  stars: string[];
  imports: Reference[];
}

const textOf = (value: unknown): string => (isNode(value) ? String(value['value']) : '');
const nodesOf = (value: unknown): SyntaxNode[] => (value ?? []) as SyntaxNode[];

/** The names that a declaration, or a pattern on the left of one, binds. */
const boundNames = (node: SyntaxNode): string[] => {
  if (node.type === 'VariableDeclaration')
    return nodesOf(node['declarations']).flatMap((one) => boundNames(one['id'] as SyntaxNode));
  if (node.type === 'Identifier') return [textOf(node)];
  if (node.type === 'ObjectPattern') return nodesOf(node['properties']).flatMap(boundNames);
  if (node.type === 'ArrayPattern') return nodesOf(node['elements']).filter(isNode).flatMap(boundNames);
  if (node.type === 'AssignmentPattern') return boundNames(node['left'] as SyntaxNode);
  if (node.type === 'AssignmentPatternProperty') return [textOf(node['key'])];
  if (node.type === 'KeyValuePatternProperty') return boundNames(node['value'] as SyntaxNode);
  if (node.type === 'RestElement') return boundNames(node['argument'] as SyntaxNode);
  return [textOf(node['identifier'] ?? node['id'])];
};

const readImport = (node: SyntaxNode): { local: string; reference: Reference }[] => {
  const from = textOf(node['source']);
  return nodesOf(node['specifiers']).map((one) => {
    const local = textOf(one['local']);
    const name = {
      ImportDefaultSpecifier: 'default',
      ImportNamespaceSpecifier: ALL,
      ImportSpecifier: textOf(one['imported'] ?? one['local']),
    }[one.type]!;
    return { local, reference: { from, name } };
  });
};

const readNamedExports = (node: SyntaxNode, locals: Map<string, Reference>): Module['exports'] =>
  new Map(
    nodesOf(node['specifiers']).map((one) => {
      if (one.type === 'ExportNamespaceSpecifier')
        return [textOf(one['name']), { from: textOf(node['source']), name: ALL }];
      const name = textOf(one['orig']);
      const reference = node['source'] ? { from: textOf(node['source']), name } : locals.get(name);
      return [textOf(one['exported'] ?? one['orig']), reference];
    }),
  );

/** The first part of `import('./a.ts').B.C`. */
const qualifierOf = (node: unknown): string =>
  !isNode(node) ? ALL : node.type === 'Identifier' ? textOf(node) : qualifierOf(node['left']);

/** `import('…')` as a type and as an expression. */
const findInnerImports = (node: SyntaxNode): Reference[] => {
  const inner = childrenOf(node).flatMap(findInnerImports);
  if (node.type === 'TsImportType')
    return [...inner, { from: textOf(node['argument']), name: qualifierOf(node['qualifier']) }];
  if (node.type === 'CallExpression' && (node['callee'] as SyntaxNode).type === 'Import') {
    const [argument] = nodesOf(node['arguments']);
    return [...inner, { from: textOf(argument?.['expression']), name: ALL }];
  }
  return inner;
};

const readModule = (text: string): Module => {
  const { body } = parseSource(text);
  const imports = body.filter(({ type }) => type === 'ImportDeclaration').flatMap(readImport);
  const locals = new Map(imports.map(({ local, reference }) => [local, reference]));
  const module: Module = {
    exports: new Map(),
    stars: [],
    imports: [...imports.map(({ reference }) => reference), ...body.flatMap(findInnerImports)],
  };
  for (const node of body) {
    if (node.type === 'ExportDeclaration')
      for (const name of boundNames(node['declaration'] as SyntaxNode)) module.exports.set(name, undefined);
    if (node.type === 'ExportNamedDeclaration')
      for (const [name, reference] of readNamedExports(node, locals)) module.exports.set(name, reference);
    if (node.type === 'ExportAllDeclaration') module.stars.push(textOf(node['source']));
    if (node.type.startsWith('ExportDefault')) module.exports.set('default', undefined);
  }
  return module;
};

/** Imports in examples, which stand in Markdown and in the strings of specs. */
const EXAMPLE_IMPORT = /import\s+(?:type\s+)?\{([^}]*)\}\s+from\s+['"](@rekey\/[^'"]+)['"]/g;

const findExampleImports = (text: string): Reference[] =>
  [...text.matchAll(EXAMPLE_IMPORT)].flatMap(([, names, from]) =>
    names!.split(',').map((name) => ({
      from: from!,
      name: name
        .replace(/^\s*type\s/, '')
        .trim()
        .split(/\s/)[0]!,
    })),
  );

interface PackageFile {
  name?: string;
  exports?: Record<string, string | Record<string, string>>;
}

/** The source file of each specifier of this repository's packages. */
const packageEntries = (texts: SourceTree): Map<string, string> =>
  new Map(
    [...texts].flatMap(([path, text]) => {
      if (posix.basename(path) !== 'package.json') return [];
      const { name, exports = {} } = JSON.parse(text) as PackageFile;
      return Object.entries(exports).map(([subpath, target]): [string, string] => {
        const file = typeof target === 'string' ? target : (target['@rekey/source'] ?? '');
        return [posix.join(name ?? '', subpath), posix.join(posix.dirname(path), file)];
      });
    }),
  );

export interface DeadExport {
  path: string;
  name: string;
}

/**
 * Finds the exports that no other file imports. A re-export does not count as an import: a name in a lib's
 * index.ts is used only if another package, a spec or an example imports it.
 */
export const findDeadExports = (texts: SourceTree): DeadExport[] => {
  const entries = packageEntries(texts);
  const modules = new Map(
    [...texts]
      .filter(([path]) => /(?<!\.d)\.(ts|m?js)$/.test(path))
      .map(([path, text]) => [path, readModule(text)]),
  );
  const resolve = (importer: string, from: string): string | undefined =>
    from.startsWith('.') ? posix.join(posix.dirname(importer), from) : entries.get(from);

  const used = new Set<string>();
  const use = (path: string | undefined, name: string): void => {
    const module = path === undefined ? undefined : modules.get(path);
    if (!module || used.has(`${path} ${name}`)) return;
    used.add(`${path} ${name}`);
    if (name === ALL) for (const each of module.exports.keys()) use(path, each);
    const reference = module.exports.get(name);
    if (reference) use(resolve(path!, reference.from), reference.name);
    if (!module.exports.has(name)) for (const star of module.stars) use(resolve(path!, star), name);
  };
  for (const path of publicContracts) use(path, ALL);
  for (const [path, text] of texts) {
    for (const { from, name } of findExampleImports(text)) use(resolve(path, from), name);
    for (const { from, name } of modules.get(path)?.imports ?? []) use(resolve(path, from), name);
  }
  return [...modules].flatMap(([path, { exports }]) =>
    isGenerated(path)
      ? []
      : [...exports.keys()]
          .filter((name) => !used.has(`${path} ${name}`) && !(name === 'default' && isConfiguration(path)))
          .map((name) => ({ path, name })),
  );
};
