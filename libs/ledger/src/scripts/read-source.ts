import { readFileSync } from 'node:fs';

/** A source in Lua, by its path from `src`. In packages, a table of these sources takes the place of it. */
export const readSource = (path: string): string =>
  readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
