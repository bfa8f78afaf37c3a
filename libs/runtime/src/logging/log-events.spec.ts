import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { logEvents } from './log-events.ts';
import { renderLogEvents } from './log-events-page.ts';

const page = new URL('../../../../docs/reference/log-events.md', import.meta.url);
const names = Object.keys(logEvents);

describe('the table of log events', () => {
  it('equals docs/reference/log-events.md: npm run generate writes that page', () => {
    expect(readFileSync(page, 'utf8')).toBe(renderLogEvents());
  });

  it('has each event in one section', () => {
    const listed = [...renderLogEvents().matchAll(/^\| `(\w+)` \| (?:debug|info|warn|error|fatal) \|/gm)];
    expect(listed.map(([, name]) => name).toSorted()).toEqual(names.toSorted());
  });

  it('has names in snake_case', () => {
    expect(names.filter((name) => !/^[a-z]+(_[a-z0-9]+)*$/.test(name))).toEqual([]);
  });

  it('has a message and a meaning for every event', () => {
    const incomplete = Object.entries(logEvents).filter(
      ([, { message, meaning }]) => message.trim() === '' || meaning.trim() === '',
    );
    expect(incomplete).toEqual([]);
  });
});
