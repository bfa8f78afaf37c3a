import { readFile, writeFile } from 'node:fs/promises';
import { PAGE, withDiagram } from './diagram.ts';
import { mermaid, packageGraph } from './package-graph.ts';

/* Prints the graph of packages, drawn from the imports; with --write, into docs/internals/architecture.md. */

const diagram = mermaid(await packageGraph());
if (process.argv.includes('--write'))
  await writeFile(PAGE, withDiagram(await readFile(PAGE, 'utf8'), diagram));
else process.stdout.write(`${diagram}\n`);
