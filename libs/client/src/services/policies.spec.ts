import { describe, expect, it } from '@jest/globals';
import { startFake, connect, away, uuid } from '../gateway-fixture.ts';

describe('createRotationPolicy', () => {
  it('uses one request_id for all tries', async () => {
    const firsts: any[] = [];
    const client = connect(
      await startFake({
        policies: {
          create: async (messages) => {
            for await (const message of messages) firsts.push(message);
            if (firsts.length < 2) throw away();
            return {
              id: 'pol_1',
              everyDays: 90,
              window: { cron: '0 2 * * *', timeZone: 'UTC', length: { seconds: 3600, nanos: 0 } },
            };
          },
        },
      }),
    );
    const policy = await client.createRotationPolicy({
      orgId: 'org',
      allAssistants: true,
      everyDays: 90,
      window: { lengthMs: 3_600_000 },
    });
    expect(policy).toMatchObject({
      id: 'pol_1',
      everyDays: 90,
      window: { cron: '0 2 * * *', lengthMs: 3_600_000 },
    });
    expect(firsts[1]).toEqual(firsts[0]);
    expect(firsts[0]).toMatchObject({
      requestId: expect.stringMatching(uuid),
      window: { length: { seconds: '3600' } },
    });
  });
});
