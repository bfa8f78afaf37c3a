import { commandNames, piecesOf } from '../load.ts';

/** For specs only: the places where scripts read or write. */
const CALL = /\b(?:read|write|redis\.p?call)\((?=')/g;

/** Each call site of the scripts, as `FILE: LINE`. */
export const allSites = (): string[] => {
  const files = new Map<string, string>();
  for (const name of commandNames) {
    const { early, late, own } = piecesOf(name);
    for (const piece of [...early, ...late, own]) files.set(piece.name, piece.text);
  }
  return [...files].flatMap(([file, text]) =>
    text.split('\n').flatMap((line) => [...line.matchAll(CALL)].map(() => `${file}: ${line.trim()}`)),
  );
};

/** The text of a script that notes in the set `sites` which of its places run, and the line of each place. */
export const withSites = (text: string): { text: string; lines: string[] } => {
  const lines: string[] = [];
  const [, flags = '', body = ''] = /^(#!lua[^\n]*\n)?([^]*)$/.exec(text)!;
  const counted = body.replaceAll(CALL, (call, at: number) => {
    const start = body.lastIndexOf('\n', at) + 1;
    lines.push(body.slice(start, body.indexOf('\n', at)).trim());
    return `site_(${lines.length}, ${call.slice(0, -1)}, `;
  });
  const note = `local function site_(n, run, ...) redis.call('SADD', 'sites', n) return run(...) end\n`;
  return { text: `${flags}${note}${counted}`, lines };
};
