import { expect, it } from '@jest/globals';
import { asText } from './text-line.ts';

it('shows a line as text, and escapes what would break it', () => {
  const line = { level: 'warn', time: '2026-11-29T20:00:00.000Z', app: 'agent', event: 'agent_keys_stale' };
  expect(asText(`${JSON.stringify({ ...line, behind_ms: 3100, msg: 'keys may be stale' })}\n`)).toBe(
    '2026-11-29T20:00:00.000Z WARN  agent_keys_stale: keys may be stale behind_ms=3100\n',
  );
  const text = asText(JSON.stringify({ ...line, assistant_id: 'a\n\u001b[2Jb', msg: 'one\ntwo' }));
  expect(text).toBe(
    '2026-11-29T20:00:00.000Z WARN  agent_keys_stale: "one\\ntwo" assistant_id="a\\n\\u001b[2Jb"\n',
  );
  expect(text.trimEnd()).not.toMatch(/\p{Cc}/u);
});
