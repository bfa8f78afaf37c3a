import { PerformanceObserver, constants } from 'node:perf_hooks';
import { setImmediate as nextRound } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from '@jest/globals';
import { loadContract, unary, type ServiceHandlers } from '@rekey/rpc';
import { createServer, type GatewayServer } from '../pipeline/server.ts';
import { collectWhenIdle, youngGeneration } from './collect-when-idle.ts';
import { limitsWith } from './limits-fixture.ts';
import { ROTATE, WAIT, connectRawHttp2, type RawConnection } from './raw-http2-fixture.ts';

describe('collectWhenIdle', () => {
  const collecting = () => {
    const heap = { bytes: 1000, collections: 0 };
    const whenIdle = collectWhenIdle(
      {
        heapBytes: () => heap.bytes,
        collect: () => {
          heap.collections += 1;
          heap.bytes -= 90;
        },
      },
      100,
    );
    const idleAt = (bytes: number): number => {
      heap.bytes = bytes;
      whenIdle();
      return heap.collections;
    };
    return { idleAt };
  };

  it('collects once the heap has grown by enough, and then only after it has again', () => {
    const { idleAt } = collecting();
    // The second collection leaves 1020.
    expect([1099, 1100, 1109, 1110, 1119, 1120].map(idleAt)).toEqual([0, 1, 1, 2, 2, 3]);
  });

  it('counts from what a collection by V8 has left', () => {
    const { idleAt } = collecting();
    expect([1090, 500, 599, 600].map(idleAt)).toEqual([0, 0, 0, 1]);
  });

  it('collects what is young; other contexts of the process have no `gc`', async () => {
    const { NODE_PERFORMANCE_GC_FLAGS_FORCED: forced, NODE_PERFORMANCE_GC_MINOR: minor } = constants;
    const kinds: unknown[] = [];
    const observer = new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries() as { detail?: { kind: number; flags: number } }[])
        if (detail?.flags === forced) kinds.push(detail.kind);
    });
    const young = youngGeneration();
    observer.observe({ entryTypes: ['gc'] });
    // V8 collects the whole heap instead if that is due anyway; then not again.
    for (let tries = 0; tries < 5 && !kinds.includes(minor); tries += 1) {
      young.collect();
      for (let waited = 0; waited < 1000 && kinds.length <= tries; waited += 1) await nextRound();
    }
    observer.disconnect();
    expect(kinds).toContain(minor);
    expect(runInNewContext('typeof gc')).toBe('undefined');
  });
});

describe('a server', () => {
  const contract = loadContract();
  let server: GatewayServer;
  let raw: RawConnection;
  const releases: (() => void)[] = [];
  let idles: number;

  const start = async (onIdle: () => void): Promise<void> => {
    idles = 0;
    const held = unary(
      () => new Promise<object>((resolve) => releases.push(() => resolve({}))),
      () => {},
    );
    const methods = Object.keys(contract.v1.RotationService.service);
    const RotationService = Object.fromEntries(methods.map((name) => [name, held]));
    server = createServer(contract, { RotationService } as unknown as ServiceHandlers, {
      limits: limitsWith(),
      onIdle: () => {
        idles += 1;
        onIdle();
      },
    });
    raw = await connectRawHttp2(await server.listen('127.0.0.1:0'));
  };
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await nextRound();
  };
  afterEach(async () => {
    for (const release of releases.splice(0)) release();
    raw.close();
    await server.close(1000);
  });

  it('is idle when its last call was answered, whether or not others wait for something', async () => {
    await start(() => {});
    raw.send(WAIT);
    const calls = [raw.send(ROTATE), raw.send(ROTATE)];
    await until(() => releases.length === 3);
    const [, first, second] = releases;
    first!();
    await Promise.race(calls.map(({ ended }) => ended));
    for (let round = 0; round < 20; round += 1) await nextRound();
    expect(idles).toBe(0);
    second!();
    await Promise.all(calls.map(({ ended }) => ended));
    await until(() => idles > 0);
    expect(idles).toBe(1);
  });

  it('answers further calls if the hook throws', async () => {
    await start(() => {
      throw new Error('no');
    });
    for (const expected of [1, 2]) {
      const call = raw.send(ROTATE);
      await until(() => releases.length === 1);
      releases.shift()!();
      expect(await call.ended).toMatchObject({ status: 0 });
      await until(() => idles === expected);
    }
  });
});
