import { dirname, relative } from 'node:path';
import type { Plugin } from 'rolldown';
import { parseSync } from 'rolldown/utils';

/*
 * Modules find other files from where they are themselves: a program, which is another file, gives each the
 * place of its source. Paths are relative, because a checkout may be built in one place and run in another.
 * A form that is not known here is refused: it would lead elsewhere, and maybe only in production.
 */

interface SyntaxNode {
  type: string;
  start: number;
  end: number;
  [property: string]: unknown;
}
interface Edit {
  start: number;
  end: number;
  text: string;
}
/** What a node is to the one above it. */
interface Above {
  node: SyntaxNode;
  property: string;
}

const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === 'object' && value !== null && typeof (value as SyntaxNode).type === 'string';

const visit = (node: SyntaxNode, above: Above | undefined, on: (node: SyntaxNode, above?: Above) => void) => {
  on(node, above);
  for (const [property, value] of Object.entries(node))
    for (const child of Array.isArray(value) ? value : [value])
      if (isNode(child)) visit(child, { node, property }, on);
};

const isOwnName = (name: unknown): name is '__dirname' | '__filename' =>
  name === '__dirname' || name === '__filename';

/** `a.__dirname`, `{ __dirname: 1 }`: the name of a property, and no variable. */
const isPropertyName = ({ node, property }: Above): boolean =>
  node['computed'] !== true &&
  node['shorthand'] !== true &&
  ((node.type === 'MemberExpression' && property === 'property') ||
    (['Property', 'MethodDefinition', 'PropertyDefinition'].includes(node.type) && property === 'key'));

const isRead = ({ node, property }: Above): boolean =>
  !(
    (node.type === 'VariableDeclarator' && property === 'id') ||
    (node.type === 'AssignmentExpression' && property === 'left') ||
    property === 'params' ||
    property === 'param' ||
    property === 'local' ||
    node['shorthand'] === true ||
    /Function|Class/.test(node.type) ||
    /Pattern$|^RestElement$/.test(node.type)
  );

/** A path from `into` as the text of a URL. */
const urlText = (path: string): string => encodeURI(path).replace(/[?#]/g, encodeURIComponent);

/** The place of a module of ES: `import.meta.url`, `dirname` or `filename`. */
const placeOf = (property: unknown, path: string): string | undefined => {
  switch (property) {
    case 'url':
      return `new URL(${JSON.stringify(urlText(path))}, import.meta.url).href`;
    case 'dirname':
      return `(import.meta.dirname + ${JSON.stringify(`/${dirname(path)}`)})`;
    case 'filename':
      return `(import.meta.dirname + ${JSON.stringify(`/${path}`)})`;
    default:
      return undefined;
  }
};

interface Places {
  /** The program's variable with this path. */
  variableFor(path: string): string;
}

/**
 * The edits of a module at `path`, relative to its program. Throws for a form that is not known.
 */
const editsOf = (code: string, id: string, path: string, { variableFor }: Places): Edit[] => {
  const { program, errors } = parseSync(id, code, { sourceType: 'unambiguous' });
  if (errors.length > 0) throw new Error(`${id}: ${errors[0]!.message}`);
  const edits: Edit[] = [];
  const refuse = ({ start, end }: SyntaxNode): never => {
    throw new Error(
      `${id} finds files in a way that tools/src/programs/places.ts does not know: ${code.slice(start, end)}`,
    );
  };
  visit(program as unknown as SyntaxNode, undefined, (node, above) => {
    if (node.type === 'MetaProperty' && (node['meta'] as { name: string }).name === 'import') {
      const isMember = above?.node.type === 'MemberExpression' && above.property === 'object';
      if (!isMember || above.node['computed'] === true) return refuse(above?.node ?? node);
      const text = placeOf((above.node['property'] as { name: string }).name, path);
      if (text === undefined) return refuse(above.node);
      edits.push({ start: above.node.start, end: above.node.end, text });
    }
    if (node.type !== 'Identifier' || !isOwnName(node['name']) || !above || isPropertyName(above)) return;
    if (!isRead(above)) refuse(above.node);
    const text = variableFor(node['name'] === '__dirname' ? dirname(path) : path);
    edits.push({ start: node.start, end: node.end, text });
  });
  return edits;
};

const withEdits = (code: string, edits: Edit[]): string => {
  let text = '';
  let at = 0;
  for (const { start, end, text: replacement } of edits.toSorted((a, b) => a.start - b.start)) {
    text += code.slice(at, start) + replacement;
    at = end;
  }
  return text + code.slice(at);
};

const VARIABLE = '__rekey_place_';
const VARIABLES = new RegExp(`\\b${VARIABLE}\\d+\\b`, 'g');

/** For a program whose files are all in the folder `into`. */
export const keepPlaces = (into: string): Plugin => {
  const paths: string[] = [];
  const variableFor = (path: string): string => {
    if (!paths.includes(path)) paths.push(path);
    return `${VARIABLE}${paths.indexOf(path)}`;
  };
  const declaration = (name: string): string => {
    const path = paths[Number(name.slice(VARIABLE.length))]!;
    return `const ${name} = import.meta.dirname + ${JSON.stringify(`/${path}`)};\n`;
  };
  return {
    name: 'keep places',
    transform: {
      filter: { id: /^\/.*\.[cm]?[jt]s$/, code: /\bmeta\b|\b__(?:dir|file)name\b/ },
      handler: (code, id) => {
        const edits = editsOf(code, id, relative(into, id), { variableFor });
        return edits.length === 0 ? undefined : withEdits(code, edits);
      },
    },
    renderChunk: (code) => {
      const used = new Set(code.match(VARIABLES));
      // The first line of the sources names an interpreter that strips types.
      return [...used].map(declaration).join('') + code.replace(/^#!.*\n/, '');
    },
  };
};
