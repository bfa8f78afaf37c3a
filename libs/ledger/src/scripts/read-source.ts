import { readFileSync } from 'node:fs';

/** A source in Lua, by its path from `src`. Packages that are one bundle have these sources in place of it. */
export const readSource = (path: string): string =>
  readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
