import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Component } from './components.ts';

const IS_LICENCE = /^(licen[cs]e|copying|notice)/i;

/** The texts that a package asks to be kept with its code. */
const licenceTexts = async ({ name, folder }: Component): Promise<string> => {
  const files = (await readdir(folder)).filter((file) => IS_LICENCE.test(file)).toSorted();
  if (files.length === 0) return `The package ${name} has no file with a licence.`;
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  return texts.map((text) => text.trim()).join('\n\n');
};

/** THIRD-PARTY-NOTICES.txt: what is in the package that others wrote, and under which licence. */
export const noticesText = async (components: readonly Component[]): Promise<string> => {
  const head =
    'This package contains code of the packages below, under their licences. The code is changed: it is\n' +
    'bundled and minified, and parts that are not used are left out or replaced.\n';
  const parts = await Promise.all(
    components.map(
      async (one) => `${one.name} ${one.version} (${one.license})\n\n${await licenceTexts(one)}\n`,
    ),
  );
  return [head, ...parts].join(`\n${'-'.repeat(80)}\n\n`);
};
