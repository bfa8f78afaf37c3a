import { mkdirSync, writeFileSync } from 'node:fs';
import { vectorFiles } from './files.ts';

const folder = new URL('../../../docs/reference/vectors/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(vectorFiles())) writeFileSync(new URL(name, folder), text);
