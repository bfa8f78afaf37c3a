import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import type { ConsumerView } from './consumer-view.ts';
import { SharedSteps, beginAt, type WatchPlace } from './entry-messages.ts';
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
      steps: new SharedSteps(),
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
    for await (const { entries = [] } of watch) {
      if (entries.length > 0) told.push(Number(entries[0]!.skipped![0]!.lastSeq));
      if (told.length === 3) break;
    }
    expect(told.every((seq, i) => i === 0 || seq > told[i - 1]!)).toBe(true);
  });

  it('keeps no more ranges than fit into a message', async () => {
    const { hub } = hubOf((at) => at * 2);
    let most = 0;
    let messages = 0;
    for await (const { entries = [] } of watchEvents(hub, request, new AbortController().signal)) {
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

/** An event of one of the kinds that are told apart. */
const ofKind = (kind: number, at: number): SeenEvent => {
  if (kind === 0) return foreign(at);
  if (kind === 1) return seenOf({ id: `${at}-0`, text: 'nonsense' });
  const { text } = foreign(at);
  const event = JSON.parse(text) as { source: string; data: Record<string, unknown> };
  if (kind === 2) event.source = '/orgs/org_1/assistants/ast_1';
  else event.data['moved_from'] = 'org_1';
  return seenOf({ id: `${at}-0`, text: JSON.stringify(event) });
};

describe('an event whose subject is no text', () => {
  it('is told of with one that every client accepts', () => {
    const { id, text } = ofKind(3, 1);
    const event = { ...(JSON.parse(text) as object), subject: 'ast_\ud800' };
    const seen = seenOf({ id, text: JSON.stringify(event) });
    const { message } = new SharedSteps().next(view, beginAt('0-0'), [seen]);
    expect(message!.entries![0]!.withheld!.assistantId).toBe('ast_\ufffd');
  });
});

describe('the watches of one consumer', () => {
  const RUNS = 40;
  const LENGTH = 60;
  const WATCHES = 5;
  const OTHER: ConsumerView = { ...view, orgs: ['org_1', 'org_2'] };
  /** The same numbers in each run of the spec. */
  const createRandom = (seed: number) => {
    let state = seed;
    return (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((state / 2 ** 31) * below);
    };
  };

  it('send what each would send by itself, and share a message at the same place', () => {
    let [made, shared] = [0, 0];
    for (let run = 1; run <= RUNS; run += 1) {
      const random = createRandom(run);
      const stream = Array.from({ length: LENGTH }, (_, i) => ofKind(random(4), i + 1));
      const steps = new SharedSteps();
      const places = Array.from({ length: WATCHES }, () => beginAt(`${random(5)}-0`));
      const messages = new Set<object>();
      for (let length = 5; length <= LENGTH; length += 1 + random(8)) {
        // The consumer gets another org on the way.
        const current = length < LENGTH / 2 ? view : OTHER;
        places.forEach((place, i) => {
          // Some watches are slow, and read less at a time.
          if (random(4) === 0) return;
          const first = Number(place.read.split('-')[0]);
          const seen = stream.slice(first, Math.min(length, first + 20));
          const step = steps.next(current, place, seen);
          const own: WatchPlace = { ...place, messages: place.messages.copy() };
          const alone = new SharedSteps().next(current, own, seen);
          expect(step).toEqual(alone);
          if (step.message) {
            made += 1;
            if (messages.has(step.message)) shared += 1;
            messages.add(step.message);
          }
          places[i] = step.place;
        });
      }
    }
    expect(made).toBeGreaterThan(500);
    expect(shared / made).toBeGreaterThan(0.3);
  });

  it('keep no message of a consumer in memory to which nothing is sent for long', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const steps = new SharedSteps();
    const sent = new WeakRef(steps.next(view, beginAt('0-0'), [ofKind(2, 1)]).message!);
    await sleep(1);
    collect();
    expect(sent.deref()).toBeUndefined();
    expect(steps.next(view, beginAt('1-0'), [ofKind(2, 2)]).message).toBeDefined();
  });
});
