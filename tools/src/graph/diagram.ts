/** The page that shows the graph. */
export const PAGE = new URL('../../../docs/internals/architecture.md', import.meta.url);

const DIAGRAM = /(<!-- graph: [^\n]* -->\n```mermaid\n)([\s\S]*?)(\n?```\n<!-- \/graph -->)/;

export const diagramOf = (page: string): string | undefined => DIAGRAM.exec(page)?.[2];

export const withDiagram = (page: string, diagram: string): string =>
  page.replace(
    DIAGRAM,
    (_all, before: string, _old, after: string) => `${before}${diagram}\n${after.trimStart()}`,
  );
