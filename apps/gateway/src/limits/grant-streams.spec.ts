import { EventEmitter } from 'node:events';
import type { ServerHttp2Session } from 'node:http2';
import { expect, it } from '@jest/globals';
import { grantStreams } from './grant-streams.ts';

const LIMITS = { first: 10, most: 70, many: 1000, mostIfMany: 30 };
const turn = () => new Promise((resolve) => setImmediate(resolve));
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i += 1) await turn();
};

/** A connection whose client confirms each change at once, or never. */
const connection = (granted: number[], { confirms = true } = {}): ServerHttp2Session => {
  const session = Object.assign(new EventEmitter(), {
    pendingSettingsAck: false,
    settings: ({ maxConcurrentStreams }: { maxConcurrentStreams: number }) => {
      granted.push(maxConcurrentStreams);
      session.pendingSettingsAck = !confirms;
      if (confirms) session.emit('localSettings');
    },
  });
  return session as unknown as ServerHttp2Session;
};

it('a connection that uses its streams is allowed twice as many, up to the most', async () => {
  const grants = grantStreams(LIMITS, () => false);
  const granted: number[] = [];
  const session = connection(granted);
  grants.open(session);
  grants.count(session, 4);
  await turns(5);
  expect(granted).toEqual([]);
  for (const open of [9, 10, 20, 25, 40, 70]) {
    grants.count(session, open);
    await turns(5);
  }
  expect(granted).toEqual([20, 40, 70]);
});

it('one connection is allowed more in a turn, in their order, and none while calls wait', async () => {
  let isBusy = true;
  const grants = grantStreams(LIMITS, () => isBusy);
  const granted: number[][] = [[], [], []];
  const sessions = granted.map((one) => connection(one));
  for (const session of sessions) grants.open(session);
  for (const session of sessions) grants.count(session, 10);
  await turns(5);
  expect(granted).toEqual([[], [], []]);
  isBusy = false;
  await turn();
  expect(granted).toEqual([[20], [], []]);
  await turns(2);
  expect(granted).toEqual([[20], [20], [20]]);
  // While others want more, a connection is allowed only ten more.
  for (const session of sessions) grants.count(session, 20);
  await turns(3);
  expect(granted).toEqual([
    [20, 30],
    [20, 30],
    [20, 40],
  ]);
});

it('a client that does not confirm a change is sent no other one', async () => {
  const grants = grantStreams(LIMITS, () => false);
  const granted: number[] = [];
  const session = connection(granted, { confirms: false });
  grants.open(session);
  for (const open of [10, 20, 20]) {
    grants.count(session, open);
    await turns(3);
  }
  expect(granted).toEqual([20]);
});

it('a connection is allowed fewer while many streams are open, and more afterwards', async () => {
  const grants = grantStreams({ ...LIMITS, many: 50 }, () => false);
  const granted: [number[], number[]] = [[], []];
  const [early, late] = [connection(granted[0]), connection(granted[1])];
  for (const session of [early, late]) grants.open(session);
  for (const count of [10, 20, 40]) {
    grants.count(early, count);
    await turns(3);
  }
  for (const count of [10, 20, 30]) {
    grants.count(late, count);
    await turns(3);
  }
  expect(granted).toEqual([
    [20, 40, 70],
    [20, 30],
  ]);
  early.emit('close');
  await turns(3);
  expect(granted[1]).toEqual([20, 30, 60]);
});
