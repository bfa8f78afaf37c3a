import { describe, expect, it } from '@jest/globals';
import { RekeyError } from '@rekey/schema';
import { connect, startFake } from '../../gateway-fixture.ts';
import type { ActivityRecord } from '../../models/activity.ts';

const record = (n: number, more: object = {}) => ({
  position: `${n}-0`,
  time: { seconds: n, nanos: 5_000_000 },
  type: 'freeze.set',
  principal: 'local',
  ...more,
});
const collect = async (records: AsyncIterable<ActivityRecord>, most = Infinity): Promise<string[]> => {
  const found: string[] = [];
  for await (const { position } of records) if (found.push(position) >= most) break;
  return found;
};

describe('activity', () => {
  it('has the shapes of the client', async () => {
    const requests: any[] = [];
    const client = connect(
      await startFake({
        activity: {
          list: (request) => {
            requests.push(request);
            return {
              records: [
                record(1, {
                  orgId: 'org_1',
                  otherPrincipals: ['dns:b'],
                  count: 3,
                  otherFields: [{ name: 'a', value: 'b' }],
                }),
              ],
              nextPageToken: 'next',
              unreadableCount: 2,
            };
          },
        },
      }),
    );
    expect(
      await client.listActivity({
        orgId: 'org_1',
        types: ['freeze.*'],
        startTime: new Date(1500),
        pageSize: 1,
      }),
    ).toEqual({
      records: [
        {
          position: '1-0',
          time: new Date(1005),
          type: 'freeze.set',
          principal: 'local',
          otherPrincipals: ['dns:b'],
          orgId: 'org_1',
          count: 3,
          otherFields: [{ name: 'a', value: 'b' }],
        },
      ],
      nextPageToken: 'next',
      unreadableCount: 2,
    });
    expect(requests).toMatchObject([
      { orgId: 'org_1', types: ['freeze.*'], pageSize: 1, startTime: { seconds: '1', nanos: 500_000_000 } },
    ]);
  });

  it('continues over pages without records, and counts what was passed over', async () => {
    const pages: Record<string, object> = {
      '': { records: [record(9)], nextPageToken: 'a', unreadableCount: 1 },
      a: { records: [], nextPageToken: 'b' },
      b: { records: [record(2)], unreadableCount: 4 },
    };
    const client = connect(await startFake({ activity: { list: ({ pageToken }) => pages[pageToken] } }));
    let unreadable = 0;
    const all = client.activity({ orgId: 'org_1' }, { onUnreadable: (count) => (unreadable += count) });
    expect(await collect(all)).toEqual(['9-0', '2-0']);
    expect(unreadable).toBe(5);
  });
});

describe('watchActivity', () => {
  it('resumes after the last position when the stream is lost, and misses and repeats nothing', async () => {
    const asked: string[] = [];
    const client = connect(
      await startFake({
        activity: {
          watch: async function* ({ after, orgId }) {
            asked.push(`${orgId} ${after}`);
            const from = after === '' ? 5 : Number(after.split('-')[0]);
            yield { record: null, position: `${from}-0` };
            yield { record: record(from + 1), position: `${from + 1}-0` };
            yield { record: null, position: `${from + 2}-0`, unreadableCount: 1 };
            throw new RekeyError('SHUTTING_DOWN');
          },
        },
      }),
    );
    const begun: string[] = [];
    let [unreadable, lost, back] = [0, 0, 0];
    const watch = client.watchActivity(
      { orgId: 'org_1' },
      {
        onBegin: (position) => begun.push(position),
        onUnreadable: (count) => (unreadable += count),
        onDisconnect: () => (lost += 1),
        onReconnect: () => (back += 1),
      },
    );
    expect(await collect(watch, 3)).toEqual(['6-0', '8-0', '10-0']);
    expect(asked).toEqual(['org_1 ', 'org_1 7-0', 'org_1 9-0']);
    expect([begun, unreadable, lost, back]).toEqual([['5-0'], 2, 2, 2]);
  });

  it('ends with the error of a caller that lost the right', async () => {
    const client = connect(
      await startFake({
        activity: {
          watch: async function* () {
            yield { record: record(1), position: '1-0' };
            throw new RekeyError('NOT_PERMITTED');
          },
        },
      }),
    );
    await expect(collect(client.watchActivity())).rejects.toMatchObject({ code: 'NOT_PERMITTED' });
  });
});
