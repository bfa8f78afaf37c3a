import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { PAGE, diagramOf } from './diagram.ts';
import { mermaid, packageGraph } from './package-graph.ts';

it('the diagram of packages in docs/internals/architecture.md is the one of the imports', async () => {
  const graph = await packageGraph();
  expect(graph.arrows.length).toBeGreaterThan(10);
  expect(diagramOf(await readFile(PAGE, 'utf8'))).toBe(mermaid(graph));
});
