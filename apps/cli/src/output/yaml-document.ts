import { Document, visit } from 'yaml';
import { isPrintable, printableYaml } from './escape.ts';

/** One document of a YAML stream. A terminal acts on no part of it. */
export const yamlDocument = (value: unknown): string => {
  const document = new Document(value, { compat: 'yaml-1.1' });
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === 'string' && !isPrintable(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return printableYaml(`---\n${document.toString({ lineWidth: 0, doubleQuotedMinMultiLineLength: 1e9 })}`);
};
