import { describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { loadContract } from '@rekey/rpc';
import type { Redis } from 'ioredis';
import { createMetrics } from './metrics.ts';

const contract = loadContract();
const WAIT = '/rekey.v1.RotationService/WaitRotation';
const WATCH = '/rekey.v1.BulkRotationService/WatchBulkRotation';

/** The lines of one metric. */
const linesOf = async ({ render }: ReturnType<typeof createMetrics>, name: string): Promise<string[]> =>
  (await render()).split('\n').filter((line) => line.startsWith(name));

describe('the metrics of the gateway', () => {
  it('count calls by service, method and code, and measure how long they take', async () => {
    const metrics = createMetrics(contract, { waiters: () => 0, connections: () => 3 });
    metrics.onCall(WAIT)!(status.OK);
    metrics.onCall(WAIT)!(status.NOT_FOUND);
    metrics.onCall(WAIT)!(status.NOT_FOUND);
    const labels = 'service="rekey.v1.RotationService",method="WaitRotation"';
    expect(await linesOf(metrics, 'rekey_gateway_calls_total')).toEqual([
      `rekey_gateway_calls_total{${labels},code="OK"} 1`,
      `rekey_gateway_calls_total{${labels},code="NOT_FOUND"} 2`,
    ]);
    expect(await linesOf(metrics, 'rekey_gateway_call_duration_seconds_count')).toEqual([
      `rekey_gateway_call_duration_seconds_count{${labels}} 3`,
    ]);
  });

  it('show open streams of every streaming method, and the waiting calls', async () => {
    const metrics = createMetrics(contract, { waiters: () => 7, connections: () => 3 });
    const end = metrics.onCall(WATCH)!;
    metrics.onCall(WATCH);
    metrics.onCall(WAIT);
    end(status.CANCELLED);
    const bulk = 'service="rekey.v1.BulkRotationService"';
    expect((await linesOf(metrics, 'rekey_gateway_open_streams')).toSorted()).toEqual([
      'rekey_gateway_open_streams{service="rekey.v1.ActivityService",method="WatchActivity"} 0',
      `rekey_gateway_open_streams{${bulk},method="CreateBulkRotation"} 0`,
      `rekey_gateway_open_streams{${bulk},method="WatchBulkRotation"} 1`,
      'rekey_gateway_open_streams{service="rekey.v1.EventService",method="WatchEvents"} 0',
      'rekey_gateway_open_streams{service="rekey.v1.RotationPolicyService",method="CreateRotationPolicy"} 0',
    ]);
    expect(await linesOf(metrics, 'rekey_gateway_waiters')).toEqual(['rekey_gateway_waiters 7']);
    expect(await linesOf(metrics, 'rekey_gateway_connections')).toEqual(['rekey_gateway_connections 3']);
  });

  it('count what each limit has refused', async () => {
    const metrics = createMetrics(contract, { waiters: () => 0, connections: () => 0 });
    for (const limit of ['waits', 'waits', 'connections']) metrics.onLimit(limit);
    expect(await linesOf(metrics, 'rekey_gateway_refused_total')).toEqual([
      'rekey_gateway_refused_total{limit="waits"} 2',
      'rekey_gateway_refused_total{limit="connections"} 1',
    ]);
  });

  it('count the calls that were refused, by reason', async () => {
    const metrics = createMetrics(contract, { waiters: () => 0, connections: () => 0 });
    for (const code of ['TOO_MANY_SWEEPS', 'TOO_MANY_ROTATIONS', 'TOO_MANY_SWEEPS'] as const)
      metrics.onWorkRefused(code);
    expect(await linesOf(metrics, 'rekey_gateway_refused_work_total')).toEqual([
      'rekey_gateway_refused_work_total{reason="TOO_MANY_SWEEPS"} 2',
      'rekey_gateway_refused_work_total{reason="TOO_MANY_ROTATIONS"} 1',
    ]);
  });

  it.each(['/grpc.health.v1.Health/Check', '/rekey.v1.RotationService/NoSuchMethod', ''])(
    'ignore methods that the contract does not have: %j',
    (path) => {
      expect(
        createMetrics(contract, { waiters: () => 0, connections: () => 3 }).onCall(path),
      ).toBeUndefined();
    },
  );

  it('count round trips to Redis, error replies included, but no command without a reply', async () => {
    const metrics = createMetrics(contract, { waiters: () => 0, connections: () => 3 });
    const sent: string[] = [];
    const redis = {
      sendCommand: ({ name }: { name: string }) => void sent.push(name),
    } as unknown as Redis;
    metrics.measureCommands(redis);
    const send = (name: string, promise: Promise<unknown>) => redis.sendCommand({ name, promise } as never);
    send('get', Promise.resolve('value'));
    send('evalsha', Promise.reject(new Error('NOSCRIPT')));
    send('set', Promise.reject(new Error('Connection is closed.')));
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toEqual(['get', 'evalsha', 'set']);
    expect(await linesOf(metrics, 'rekey_gateway_redis_round_trip_seconds_count')).toEqual([
      'rekey_gateway_redis_round_trip_seconds_count 2',
    ]);
  });
});
