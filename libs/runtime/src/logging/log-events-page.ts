import type { LogEvent } from './events/log-event.ts';
import { logEventSections } from './log-events.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|');

const row = ([name, { level, message, meaning }]: [string, LogEvent]): string =>
  `| \`${name}\` | ${level} | ${cell(message)} | ${cell(meaning)} |`;

/** The page docs/reference/log-events.md: every event of the table. */
export const renderLogEvents = (): string => {
  const parts = logEventSections.map(({ title, events }) =>
    [`## ${title}\n`, HEADER, ...Object.entries(events).map(row), ''].join('\n'),
  );
  return `${INTRODUCTION}\n${parts.join('\n')}`;
};

const HEADER = '| event | level | message | meaning |\n| --- | --- | --- | --- |';

const INTRODUCTION = `# Log events

<!-- Generated from libs/runtime by npm run generate. -->

Gateway, worker and agent log one JSON object per line to standard output. Each line has these fields:

| field | meaning |
| --- | --- |
| \`level\` | \`debug\`, \`info\`, \`warn\`, \`error\` or \`fatal\` |
| \`time\` | ISO 8601, UTC |
| \`app\` | \`gateway\`, \`worker\` or \`agent\` |
| \`event\` | the stable name, as below |
| \`msg\` | a short message for people |
| \`err\` | the error, if there is one: name, code, message, stack and cause |

Match alert rules on \`event\`, never on \`msg\`: messages may change, and some contain details. The
meaning of an event never changes; a release may add events. \`LOG_LEVEL\` sets the lowest level that is
logged.
`;
