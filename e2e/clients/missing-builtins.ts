import { baseEnvironment, resultOf, startChild } from '@rekey/testing';

/**
 * Runs on the Node that is tested. Of all that the files of a package use of Node and of the language, it
 * prints what this Node lacks: functions of global objects (`URL.parse(`), of modules of Node
 * (`node_crypto.hash(`), and methods that are newer than Node 20 (`.transfer(`).
 */
const PROGRAM = String.raw`
const { globSync, readdirSync, readFileSync, existsSync } = require('node:fs');
const { builtinModules } = require('node:module');
const { join } = require('node:path');
const [start, folder] = process.argv.slice(1);
const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.js'));
const text = files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
const missing = new Set();
const GLOBALS =
  'AbortSignal|Array|ArrayBuffer|Atomics|BigInt|Buffer|Error|Intl|Iterator|Map|Math|Number|Object|Promise|' +
  'Reflect|RegExp|Set|String|Symbol|URL|Uint8Array';
const TESTED = /\.(?:fromBase64|enableCompileCache|zstdDecompress)$/;
const check = () => {
  const ofGlobals = new RegExp('(?<![\\w.$])(' + GLOBALS + ')\\.(\\w+)\\(', 'g');
  for (const [, name, method] of text.matchAll(ofGlobals))
    if (typeof globalThis[name]?.[method] !== 'function') missing.add(name + '.' + method);
  const modules = new Map(builtinModules.map((name) => ['node_' + name.replace(/\W/g, '_'), name]));
  const ofModules = /(?<![\w.$])(node_[a-z_0-9]+?)(?:\$\d+)?\.(?:default\.)?(\w+)\b/g;
  for (const [, name, member] of text.matchAll(ofModules))
    if (modules.has(name) && require('node:' + modules.get(name))[member] === undefined)
      missing.add(modules.get(name) + '.' + member);
  const kinds = [Array, ArrayBuffer, Map, Set, String, RegExp, Promise, Uint8Array, Date];
  const newer =
    'transfer|transferToFixedLength|symmetricDifference|isSubsetOf|isSupersetOf|isDisjointFrom|' +
    'setFromHex|getOrInsert|getOrInsertComputed';
  for (const [, method] of text.matchAll(new RegExp('\\.(' + newer + ')\\(', 'g')))
    if (!kinds.some((kind) => method in kind.prototype)) missing.add('.' + method);
};
(existsSync(start) ? import(start) : Promise.resolve()).then(() => {
  check();
  const uses = (text.match(/\bnode_\w+\.\w+/g) ?? []).length;
  console.log(JSON.stringify({ uses, missing: [...missing].filter((name) => !TESTED.test(name)) }));
});
`;

/** `start`: what the package runs first, '' if nothing. */
export const missingBuiltins = async (
  node: string,
  folder: string,
  start: string,
): Promise<{ uses: number; missing: string[] }> => {
  const child = startChild(node, ['-e', PROGRAM, start, folder], { env: baseEnvironment() });
  const { out, err } = await resultOf(child);
  if (err !== '') throw new Error(err);
  return JSON.parse(out) as { uses: number; missing: string[] };
};
