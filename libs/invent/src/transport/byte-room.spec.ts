import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createByteRoom, withShare } from './byte-room.ts';
import {
  answering,
  clientOf,
  closeAll,
  httpServer,
  record,
  tcpServer,
  target,
  until,
} from '../upstream-fixture.ts';

afterEach(closeAll);

const MIB = 1024 * 1024;

describe('createByteRoom', () => {
  it('grants what fits, and the rest in the order of the requests', async () => {
    const room = createByteRoom(10 * MIB);
    const granted: string[] = [];
    const want = (name: string, bytes: number) => {
      const share = room.open();
      void share.reserve(bytes).then(() => granted.push(name));
      return share;
    };
    const first = want('6', 6 * MIB);
    const second = want('3', 3 * MIB);
    const third = want('5', 5 * MIB);
    want('1, after the 5', MIB);
    want('small', 100_000);
    await nextTurn();
    expect(granted.toSorted()).toEqual(['3', '6', 'small']);
    second.close();
    second.close();
    await nextTurn();
    expect(granted.toSorted()).toEqual(['3', '6', 'small']);
    first.close();
    await nextTurn();
    expect(granted.slice(3)).toEqual(['5', '1, after the 5']);
    third.close();
  });

  it('grants the whole room for a larger request, and ends the wait of a closed share', async () => {
    const room = createByteRoom(10 * MIB);
    const [all, closed, next] = [room.open(), room.open(), room.open()];
    await all.reserve(64 * MIB);
    const ended = closed.reserve(MIB);
    const granted = next.reserve(10 * MIB);
    closed.close();
    await expect(ended).resolves.toBeUndefined();
    all.close();
    await expect(granted).resolves.toBeUndefined();
  });

  it('does not let two shares that need more block each other', async () => {
    const room = createByteRoom(10 * MIB);
    const [one, other] = [room.open(), room.open()];
    await Promise.all([one.reserve(5 * MIB), other.reserve(5 * MIB)]);
    const both = Promise.all([
      one.reserve(8 * MIB).then(() => one.close()),
      other.reserve(8 * MIB).then(() => other.close()),
    ]);
    await expect(both).resolves.toHaveLength(2);
  });
});

describe('a long answer', () => {
  const longRecord = record({ config: { instructions: 'n'.repeat(2 * MIB) } });

  it.each([
    ['plain', longRecord, {}],
    ['gzip', gzipSync(longRecord), { 'content-encoding': 'gzip' }],
  ])(
    '(%s) is decoded only when there is room for it; short ones do not wait',
    async (_name, body, headers) => {
      const { baseUrl } = await httpServer((request, response) => {
        const isLong = request.url!.includes('ast_1');
        response.writeHead(200, isLong ? headers : {}).end(isLong ? body : record({ id: 'ast_2' }));
      });
      const client = clientOf(baseUrl, { timeoutMs: 6000 });
      const room = createByteRoom(3 * MIB);
      let active = 0;
      let most = 0;
      const read = (assistantId: string) =>
        withShare(room, async (share) => {
          const { outcome } = await client.getAssistant({ ...target, assistantId }, { share: share! });
          active += assistantId === 'ast_1' ? 1 : 0;
          most = Math.max(most, active);
          for (let i = 0; i < 50; i += 1) await nextTurn();
          active -= assistantId === 'ast_1' ? 1 : 0;
          return outcome;
        });
      expect(await Promise.all(Array.from({ length: 4 }, () => read('ast_1')))).toEqual([
        'read',
        'read',
        'read',
        'read',
      ]);
      expect(most).toBe(1);

      const holder = room.open();
      await holder.reserve(3 * MIB);
      const waiting = read('ast_1');
      expect(await read('ast_2')).toBe('read');
      // It has arrived completely: its deadline does not apply while it waits for room.
      await new Promise((resolve) => setTimeout(resolve, 6500));
      holder.close();
      expect(await waiting).toBe('read');
    },
  );

  it('is received only when other long answers leave room for it', async () => {
    const size = longRecord.length;
    let halfIsSent = false;
    const { baseUrl } = await tcpServer((socket, text) => {
      const isFirst = text.includes('ast_2');
      const body = isFirst ? record({ id: 'ast_2' }).padEnd(size / 2) : longRecord;
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n${body}`,
        () => (halfIsSent ||= isFirst),
      );
    });
    const client = clientOf(baseUrl, { receiveBytes: size });
    const stop = new AbortController();
    const events: string[] = [];
    const first = client.getAssistant({ ...target, assistantId: 'ast_2' }, { signal: stop.signal });
    await until(() => halfIsSent);
    const second = client.getAssistant(target).then(({ outcome }) => events.push(outcome));
    // Long enough for an answer without a delay.
    await new Promise((resolve) => setTimeout(resolve, 300));
    events.push('the first is given up');
    stop.abort();
    expect(await first).toMatchObject({ outcome: 'not-read' });
    await second;
    expect(events).toEqual(['the first is given up', 'read']);
    // Their bytes are free again.
    const { baseUrl: other } = await httpServer(answering(200, longRecord));
    const tight = clientOf(other, { receiveBytes: size });
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => tight.getAssistant(target)));
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['read', 'read', 'read', 'read']);
  });
});
