import { globSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { repositoryRoot, type PackageSpec } from './packages.ts';

const FENCES = /(^```.*?^```$)/ms;
/** A link of Markdown: its words, and where it leads. */
const LINK = /\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)/g;
const LEADS_ELSEWHERE = /^(?:[a-z]+:|#)/;

/** The same page, whose links lead to what is in the package. Words that link to something else stay. */
const relinked = (text: string, [from, to]: [string, string], places: ReadonlyMap<string, string>): string =>
  text
    .split(FENCES)
    .map((part) =>
      FENCES.test(part)
        ? part
        : part.replaceAll(LINK, (whole, words: string, target: string) => {
            if (LEADS_ELSEWHERE.test(target)) return whole;
            const [path = '', anchor] = target.split('#');
            const place = places.get(posix.join(posix.dirname(from), path));
            if (place === undefined) return words;
            const link = posix.relative(posix.dirname(to), place);
            return `[${words}](${link}${anchor === undefined ? '' : `#${anchor}`})`;
          }),
    )
    .join('');

/**
 * Writes README.md into a package, and the documents to which it leads, at their paths in the repository. No
 * page links to what is not there.
 */
export const writeDocuments = async (
  { folder, documents = [] }: PackageSpec,
  into: string,
): Promise<void> => {
  const paths = globSync([...documents], { cwd: repositoryRoot }).toSorted();
  const files = new Map([
    [posix.join(folder, 'README.md'), 'README.md'],
    ...paths.map((path) => [path, path] as const),
  ]);
  const folders = paths.map((path) => posix.dirname(path)).map((path) => [path, path] as const);
  const places = new Map([...folders, ...files]);
  for (const [from, to] of files) {
    const text = await readFile(join(repositoryRoot, from), 'utf8');
    await mkdir(join(into, posix.dirname(to)), { recursive: true });
    await writeFile(join(into, to), to.endsWith('.md') ? relinked(text, [from, to], places) : text);
  }
};
