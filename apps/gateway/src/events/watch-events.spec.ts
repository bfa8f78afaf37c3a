import { describe, expect, it } from '@jest/globals';
import type { ConsumerView } from './consumer-view.ts';
import { seenOf, type SeenEvent } from './event-ring.ts';
import { watchEvents } from './watch-events.ts';

const view: ConsumerView = { name: 'billing', entry: '{}', orgs: ['org_1'], kid: 'k' };
const PAGE = 200;

/** An event of an org that the consumer may not read. */
const foreign = (at: number, seq = at): SeenEvent =>
  seenOf({
    id: `${at}-0`,
    text: JSON.stringify({
      type: 'rekey.assistant.key-rotated.v1',
      subject: 'ast_1',
      source: '/orgs/org_2/assistants/ast_1',
      data: {
        seq,
        version: at,
        sealed: { protected: '', recipients: [], iv: '', ciphertext: '', tag: '' },
      },
    }),
  });

/** A stream that never ends within the test, read in pages. */
const hubOf = (seqOf: (at: number) => number, views: () => ConsumerView = () => view) => {
  const reads: string[] = [];
  const hub = {
    watch: async () => ({
      view: views,
      read: async (position: string) => {
        reads.push(position);
        const first = Number(position.split('-')[0]) + 1;
        return Array.from({ length: PAGE }, (_, i) => foreign(first + i, seqOf(first + i)));
      },
      next: async () => {},
      end: () => {},
    }),
  };
  return { hub, reads };
};

const request = { consumer: 'billing', after: '0-0' };

describe('a watch that is far behind', () => {
  it('tells how far it has come, although nothing on the way is for its consumer', async () => {
    const { hub } = hubOf((at) => at);
    const watch = watchEvents(hub, request, new AbortController().signal);
    const told: number[] = [];
    for await (const { entries } of watch) {
      if (entries.length > 0) told.push(Number(entries[0]!.skipped![0]!.lastSeq));
      if (told.length === 3) break;
    }
    expect(told.every((seq, i) => i === 0 || seq > told[i - 1]!)).toBe(true);
  });

  it('keeps no more ranges than fit into a message', async () => {
    const { hub } = hubOf((at) => at * 2);
    let most = 0;
    let messages = 0;
    for await (const { entries } of watchEvents(hub, request, new AbortController().signal)) {
      for (const { skipped } of entries) most = Math.max(most, skipped!.length);
      messages += 1;
      if (messages === 4) break;
    }
    expect(most).toBeLessThanOrEqual(1000 + PAGE);
    expect(most).toBeGreaterThan(0);
  });
});

describe('a watch of a caller that loses its right', () => {
  it('ends when the orgs of its consumer become more than those of the caller', async () => {
    let current = view;
    const { hub } = hubOf(
      (at) => at,
      () => current,
    );
    const requireRights = ({ orgs }: ConsumerView): void => {
      if (orgs.includes('org_2')) throw new Error('not permitted');
    };
    const watch = watchEvents(hub, request, new AbortController().signal, requireRights);
    await watch.next();
    expect((await watch.next()).done).toBe(false);
    current = { ...view, orgs: ['org_1', 'org_2'] };
    await expect(watch.next()).rejects.toThrow('not permitted');
  });
});
