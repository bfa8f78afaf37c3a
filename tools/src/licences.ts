/** Permissive licences: of code that is installed or packed for production. */
const ALLOWED = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
]);
/** Of tools, whose code leaves this repository nowhere: the grammar of Python, and a table of browsers. */
const ALLOWED_OF_TOOLS = new Set(['Python-2.0', 'CC-BY-4.0']);

export interface LockFile {
  packages: Record<string, { version?: string; license?: string; dev?: boolean; link?: boolean }>;
}

/** Whether an SPDX expression is satisfied: each part of an AND, one of an OR. */
const isAllowed = (expression: string, isDev: boolean): boolean => {
  const text = expression.replaceAll(/^\(|\)$/g, '');
  // Nested expressions do not occur, and are refused.
  if (/[()]/.test(text)) return false;
  if (text.includes(' OR ')) return text.split(' OR ').some((part) => isAllowed(part, isDev));
  return text.split(' AND ').every((one) => ALLOWED.has(one) || (isDev && ALLOWED_OF_TOOLS.has(one)));
};

/** What is wrong with the licences of the packages in node_modules, one line for each package. */
export const complaints = ({ packages }: LockFile): string[] =>
  Object.entries(packages)
    .filter(([path, { link }]) => path.includes('node_modules/') && !link)
    .filter(([, { license, dev }]) => license === undefined || !isAllowed(license, dev ?? false))
    .map(([path, { version, license }]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      return `${name}@${version}: ${license ?? 'no licence'} is not in the list of tools/src/licences.ts`;
    });
