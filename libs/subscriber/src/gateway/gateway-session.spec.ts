import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  RekeyClientError,
  type EventEntry,
  type EventsMessage,
  type EventsState,
  type RekeyClient,
} from '@rekey/client';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Place } from '../source/source.ts';
import { openGatewaySession } from './gateway-session.ts';

/*
 * What a session does with a gateway that fails at a bad moment, or that lies.
 */

const START: Place = { id: '1-0', seq: 1, run: 7 };
const entry = (at: number, more: object = {}): EventEntry =>
  ({ id: `${at}-0`, skipped: [], event: `text ${at}`, withheld: null, ...more }) as EventEntry;
const range = (firstSeq: string, lastSeq: string, run = '7') => ({ firstSeq, lastSeq, run });
const stateOf = (lastEntryId: string, more: Partial<EventsState> = {}): EventsState =>
  ({
    consumerEntry: '{}',
    redisTimeUs: '1',
    redisRunId: 'one',
    lastId: lastEntryId,
    lastEntryId,
    skipped: null,
    lastEntries: [],
    ...more,
  }) as EventsState;

interface FakeGateway {
  state: () => Promise<EventsState>;
  send: (...entries: EventEntry[]) => void;
  client: RekeyClient;
}
const fakeGateway = (): FakeGateway => {
  const sent: EventEntry[][] = [];
  let wake = (): void => {};
  const gateway: FakeGateway = {
    state: async () => stateOf('1-0'),
    send: (...entries) => {
      sent.push(entries);
      wake();
    },
    client: {
      eventsState: () => gateway.state(),
      close: () => {},
      watchEvents: async function* (_request: unknown, { signal }: { signal: AbortSignal }) {
        signal.addEventListener('abort', () => wake());
        while (!signal.aborted) {
          for (const entries of sent.splice(0)) yield { entries, after: '' } as unknown as EventsMessage;
          await new Promise<void>((resolve) => (wake = resolve));
        }
      },
    } as unknown as RekeyClient,
  };
  return gateway;
};

const refusalOf = (code: string, retryAfterMs?: number): Error =>
  new RekeyClientError(code as never, { message: code, retryAfterMs });

const open = (gateway: FakeGateway) =>
  openGatewaySession(
    { connect: () => gateway.client, consumer: 'billing', staleAfterMs: 1000 },
    new AbortController().signal,
    () => {},
  );

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a session with a gateway', () => {
  it('survives a question that fails while entries wait to be applied', async () => {
    const gateway = fakeGateway();
    const session = await open(gateway);
    await session.read(START, 0);
    await sleep(400);
    gateway.send(entry(2));
    await sleep(10);
    gateway.state = () => Promise.reject(new Error('the gateway was stopped'));
    const { items } = await session.read(START, 10);
    expect(items).toHaveLength(1);
    // The rejection has no handler but that of the session: Jest fails a test that leaves one without.
    await sleep(50);
    session.end();
  });

  it('waits for the end of a stream as long as anything arrives', async () => {
    const gateway = fakeGateway();
    let nowMs = 1000;
    jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
    const session = await open(gateway);
    gateway.state = async () => stateOf('100-0');
    let place = START;
    await session.read(place, 1);
    for (let at = 2; at < 8; at += 1) {
      nowMs += 3000;
      gateway.send(entry(at, { event: undefined, skipped: [range(String(at), String(at))] }));
      await sleep(5);
      const { items, provenAtMs } = await session.read(place, 1);
      expect([items.at(-1)?.id, provenAtMs]).toEqual([`${at}-0`, undefined]);
      place = { id: `${at}-0`, seq: at, run: 7 };
      nowMs += 3000;
      await session.read(place, 1);
    }
    nowMs += 3000;
    await expect(session.read(place, 1)).rejects.toThrow('has not sent within 5000 ms');
    session.end();
  });

  it('ends when its acknowledgement would reach another Redis than the one it is about', async () => {
    const gateway = fakeGateway();
    const sent: object[] = [];
    let refusal: Error | undefined;
    const acknowledgeEvents = async (request: object) => {
      sent.push(request);
      if (refusal) throw refusal;
    };
    Object.assign(gateway.client, { acknowledgeEvents });
    const session = await open(gateway);
    expect(await session.acknowledge('{}', 'proof')).toBe('added');
    expect(sent).toEqual([{ consumer: 'billing', ack: '{}', proof: 'proof', redisRunId: 'one' }]);
    refusal = refusalOf('QUOTA_EXCEEDED', 500);
    expect(await session.acknowledge('{}', 'proof')).toBe('later');
    // Sent again soon or not, none is accepted.
    refusal = refusalOf('REDIS_MEMORY_LOW', 500);
    await expect(session.acknowledge('{}', 'proof')).rejects.toMatchObject({ code: 'REDIS_MEMORY_LOW' });
    refusal = refusalOf('REDIS_REPLACED');
    await expect(session.acknowledge('{}', 'proof')).rejects.toMatchObject({ code: 'REDIS_REPLACED' });
    await expect(session.facts()).rejects.toMatchObject({ code: 'REDIS_REPLACED' });
  });

  it('asks again for what the gateway refuses for now: many instances have one caller', async () => {
    const gateway = fakeGateway();
    const refusals = [1, 1, 0, 1, 0, 1, 0];
    const sometimes =
      <T>(answer: T) =>
      async (): Promise<T> => {
        if (refusals.shift()) throw refusalOf('QUOTA_EXCEEDED', 1);
        return answer;
      };
    const record = { assistantId: 'ast_1', event: '{}' };
    gateway.state = sometimes(stateOf('1-0'));
    Object.assign(gateway.client, {
      eventRecords: sometimes([record]),
      eventsSnapshot: sometimes({ records: [record], uncertain: [], nextPageToken: '' }),
    });
    const session = await open(gateway);
    expect(await session.current(['ast_1'])).toHaveLength(1);
    for await (const { records } of session.snapshot(['org_1'])) expect(records).toHaveLength(1);
    expect(refusals).toEqual([]);
    session.end();
  });

  it('ends when the gateway answers from another Redis', async () => {
    const gateway = fakeGateway();
    const session = await open(gateway);
    gateway.state = async () => stateOf('1-0', { redisRunId: 'two' });
    await expect(session.facts()).rejects.toThrow('another Redis');
    await expect(session.read(START, 1)).rejects.toThrow('another Redis');
  });

  it.each([
    ['above 2^53', range('2', '9223372036854775807')],
    ['negative', range('-5', '2')],
    ['in the wrong order', range('9', '2')],
    ['of a run above 2^53', range('2', '3', '9223372036854775807')],
  ])('refuses numbers of skipped entries that are %s', async (_what, skipped) => {
    const gateway = fakeGateway();
    const session = await open(gateway);
    await session.read(START, 1);
    gateway.send(entry(2, { skipped: [skipped] }));
    await sleep(5);
    await expect(session.read(START, 5)).rejects.toThrow('no entries have');
    session.end();
  });

  it('refuses records that it did not ask for', async () => {
    const gateway = fakeGateway();
    const record = (assistantId: string) => ({ assistantId, event: '{}' });
    Object.assign(gateway.client, { eventRecords: async () => [record('ast_2'), record('ast_1')] });
    const session = await open(gateway);
    await expect(session.current(['ast_1', 'ast_2'])).rejects.toThrow('other records');
    await expect(session.current(['ast_2'])).rejects.toThrow('other records');
    session.end();
  });
});
