import type { z } from 'zod';
import { GatewayEnvironment } from '../../../apps/gateway/src/config.ts';
import { WorkerEnvironment } from '../../../apps/worker/src/config.ts';
import { code, page, table } from './markdown.ts';
import type { Variable } from './variable.ts';
import { variables } from './variables.ts';

const INTRODUCTION = `
# Environment

Generated from the schemas that parse the environment, by \`npm run generate\`.

A process parses its environment once, when it starts, and rejects a bad value by name without printing it.
White space around a value does not count, and an empty value counts as not set. A value is invalid if it is
not UTF-8, has control characters, or is longer than 4096 characters (65,536 for the proxy variables and
\`INVENT_PLAIN_HTTP_HOSTS\`).

\`npm start\` passes each variable to the processes that use it. In the same folder, \`rekey\` takes from a
running \`npm start\` those that are not set.
`;

type Shape = Record<string, z.ZodType>;
const gateway = GatewayEnvironment.shape as Shape;
const worker = WorkerEnvironment.shape as Shape;

/** What a schema takes if the variable is not set. */
const defaultOf = (schema: z.ZodType): string => {
  const { success, data } = schema.safeParse(undefined);
  if (!success || data === undefined || (Array.isArray(data) && data.length === 0)) return '';
  return code(String(data));
};

/** No variable takes these values; what its schema says of them names the values that it takes. */
const PROBES = ['?', '9'.repeat(15)];
const EXPECTATION = /^must be (?:one of |from )?(.*)/;
const valuesOf = (schema: z.ZodType): string =>
  PROBES.flatMap((probe) => schema.safeParse(probe).error?.issues ?? [])
    .flatMap(({ message }) => EXPECTATION.exec(message)?.[1] ?? [])
    .at(-1) ?? '';

const usersOf = (name: string, { also = [] }: Variable): string =>
  [...(name in gateway ? ['gateway'] : []), ...(name in worker ? ['worker'] : []), ...also].join(', ');

const rowOf = (name: string, variable: Variable): string[] => {
  const schema = gateway[name] ?? worker[name];
  return [
    code(name),
    usersOf(name, variable),
    variable.default ?? (schema ? defaultOf(schema) : ''),
    schema ? valuesOf(schema) : '',
    variable.meaning,
  ];
};

/** What a process parses and the page does not explain, or what the page explains and nothing takes. */
export const unmatchedVariables = (): string[] => {
  const explained = Object.assign({}, ...Object.values(variables)) as Record<string, Variable>;
  const parsed = new Set([...Object.keys(gateway), ...Object.keys(worker)]);
  return [
    ...[...parsed].filter((name) => !(name in explained)),
    ...Object.keys(explained).filter((name) => usersOf(name, explained[name]!) === ''),
  ];
};

export const environmentPage = (): string =>
  page(
    INTRODUCTION,
    ...Object.entries(variables).flatMap(([heading, group]) => [
      `## ${heading}`,
      table(
        ['variable', 'used by', 'default', 'values', 'meaning'],
        Object.entries(group).map(([name, variable]) => rowOf(name, variable)),
      ),
    ]),
  );
