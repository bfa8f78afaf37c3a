import { writeFile } from 'node:fs/promises';
import { referencePages } from './pages.ts';

/* Writes the pages of docs/reference that come from the code. */

const folder = new URL('../../../docs/reference/', import.meta.url);
for (const [name, text] of Object.entries(await referencePages()))
  await writeFile(new URL(name, folder), text);
