import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from '@rekey/testing';

/** The documents with commands to paste, in reading order. */
export const DOCUMENTS = [
  'README.md',
  'docs/guides/operate.md',
  'docs/guides/consumers.md',
  'docs/guides/integrate.md',
  'docs/reference/cli.md',
  'libs/subscriber/README.md',
  'libs/client/README.md',
  'examples/python/README.md',
] as const;
export type Document = (typeof DOCUMENTS)[number];

/** The code blocks of a language in a document. */
export const blocksOf = async (document: Document, language: string): Promise<string[]> => {
  const text = await readFile(join(repositoryRoot, document), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, block]) =>
    block!.trim(),
  );
};
