import { readFileSync } from 'node:fs';
import { logEvents, type LogEventName } from './log-events.ts';

const source = new URL('./log-events.ts', import.meta.url);
/** A comment of the table, which starts a section, or the first line of a row. */
const SECTION_OR_ROW = /^ {2}(?:\/\/ (?<section>.+)|(?<name>\w+): \{.*)$/gm;

/** The events of the table by section, in the table's order. A comment of the table starts each section. */
const sections = (): Map<string, LogEventName[]> => {
  const table = readFileSync(source, 'utf8').split('export const logEvents = {')[1]!;
  const found = new Map<string, LogEventName[]>();
  let current: LogEventName[] = [];
  for (const { groups } of table.matchAll(SECTION_OR_ROW)) {
    if (groups!['section'] === undefined) current.push(groups!['name'] as LogEventName);
    else found.set(groups!['section'], (current = []));
  }
  return found;
};

const cell = (text: string): string => text.replaceAll('|', '\\|');

const row = (name: LogEventName): string => {
  const { level, message, meaning } = logEvents[name];
  return `| \`${name}\` | ${level} | ${cell(message)} | ${cell(meaning)} |`;
};

/** The page docs/reference/log-events.md: every event of the table. */
export const renderLogEvents = (): string => {
  const parts = [...sections()]
    .filter(([, names]) => names.length > 0)
    .map(([section, names]) => [`## ${section}\n`, HEADER, ...names.map(row), ''].join('\n'));
  return `${INTRODUCTION}\n${parts.join('\n')}`;
};

const HEADER = '| event | level | message | meaning |\n| --- | --- | --- | --- |';

const INTRODUCTION = `# Log events

<!-- Generated from libs/runtime by npm run generate. -->

Gateway and worker log one JSON object per line to standard output. Each line has these fields:

| field | meaning |
| --- | --- |
| \`level\` | \`debug\`, \`info\`, \`warn\`, \`error\` or \`fatal\` |
| \`time\` | ISO 8601, UTC |
| \`app\` | \`gateway\` or \`worker\` |
| \`event\` | the stable name, as below |
| \`msg\` | a short message for people |
| \`err\` | the error, if there is one: name, code, message, stack and cause |

Match alert rules on \`event\`, never on \`msg\`: messages may change, and some contain details. The
meaning of an event never changes; a release may add events. \`LOG_LEVEL\` sets the lowest level that is logged.
`;
