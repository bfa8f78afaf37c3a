import { activityTypes, systemParts } from '@rekey/schema';
import { code, page, table } from './markdown.ts';

const INTRODUCTION = `
# Activity

Generated from the types in \`libs/schema\` by \`npm run generate\`. [Activity](../guides/activity.md) says
how to read it.

Each type is stable. A later version may add some: accept types that you do not know.
`;

const PARTS = `
## Parts of Rekey

What Rekey does by itself is recorded as \`system:PART\`.
`;

export const activityPage = (): string =>
  page(
    INTRODUCTION,
    table(
      ['type', 'what happened'],
      Object.entries(activityTypes).map(([type, text]) => [code(type), text]),
    ),
    PARTS,
    table(
      ['principal', 'what it does'],
      Object.entries(systemParts).map(([part, text]) => [code(`system:${part}`), text]),
    ),
  );
