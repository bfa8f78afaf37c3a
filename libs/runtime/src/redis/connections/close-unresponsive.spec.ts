import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openStage, type Stage } from './connections-fixture.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

describe('disconnect', () => {
  it.each(['refused', 'read-only'])(
    'rejects pending commands, even between two attempts to connect: %s',
    async (why) => {
      const redis = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'worker' }));
      const blocked = redis
        .xread('BLOCK', 20_000, 'STREAMS', 's', '$')
        .catch((error: Error) => error.message);
      if (why === 'refused') stage.proxy.refuse(true);
      else await stage.demote();
      const waiting = redis.get('a').catch((error: Error) => error.message);
      if (why === 'read-only') void redis.set('a', '1').catch(() => {});
      // Longer than the first attempts take.
      await stage.until(() => stage.reported.length > 0);
      await sleep(500);
      await stage.until(() => redis.status === 'reconnecting');
      redis.disconnect();
      expect(await Promise.all([blocked, waiting])).toEqual([
        'Connection is closed.',
        'Connection is closed.',
      ]);
      expect(redis.status).toBe('end');
    },
    20_000,
  );

  it('rejects nothing that nobody awaits while the connection subscribes again', async () => {
    const redis = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    await redis.subscribe('channel');
    const closed = new Promise<void>((resolve) => {
      // ioredis says so just before it subscribes again.
      redis.once('ready', () =>
        queueMicrotask(() => {
          redis.once('end', () => resolve());
          redis.disconnect();
          redis.stream.destroy();
        }),
      );
    });
    redis.disconnect(true);
    await closed;
    // Jest fails a test in which a rejection is not handled.
    await sleep(50);
    expect(redis.status).toBe('end');
  });
});

describe('closeUnresponsive', () => {
  it('closes nothing while Redis can be used, or while unsaved results exist', async () => {
    const redis = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    let unsaved = true;
    stage.connections.closeUnresponsive({ hasUnsavedResults: () => unsaved, afterMs: 200 });
    await sleep(500);
    expect(await redis.ping()).toBe('PONG');
    stage.proxy.refuse(true);
    const waiting = redis.get('a').catch((error: Error) => error.message);
    await sleep(500);
    expect(redis.status).not.toBe('end');
    unsaved = false;
    expect(await waiting).toBe('Connection is closed.');
  });

  it('closes a connection that cannot connect, and keeps another that responds', async () => {
    const usable = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'usable' }));
    await stage.admin.config('SET', 'maxclients', '2');
    const redis = stage.connections.connect({ onDisconnect: 'retry', name: 'worker' });
    const waiting = redis.get('a').catch((error: Error) => error.message);
    await stage.until(() => stage.reported.length > 0);
    stage.connections.closeUnresponsive();
    expect(await waiting).toBe('Connection is closed.');
    expect(redis.status).toBe('end');
    expect(await usable.ping()).toBe('PONG');
  });

  it('closes all connections to a frozen Redis, even blocking ones, before the answer deadline', async () => {
    const [asking, blocking] = await Promise.all(
      ['asking', 'blocking'].map((name) =>
        stage.ready(stage.connections.connect({ onDisconnect: 'retry', name })),
      ),
    );
    const blocked = blocking!
      .xread('BLOCK', 60_000, 'STREAMS', 's', '$')
      .catch((error: Error) => error.message);
    stage.server.freeze();
    stage.connections.closeUnresponsive();
    try {
      expect(await asking!.get('a').catch((error: Error) => error.message)).toBe('Connection is closed.');
      expect(await blocked).toBe('Connection is closed.');
      // The answer deadline, 5 s, had not passed.
      expect(stage.reported.filter((line) => line.includes('has not answered'))).toEqual([]);
    } finally {
      stage.server.thaw();
    }
  });

  it('keeps a connection that blocks for longer while Redis responds on another one', async () => {
    const [asking, blocking] = await Promise.all(
      ['asking', 'blocking'].map((name) =>
        stage.ready(stage.connections.connect({ onDisconnect: 'retry', name })),
      ),
    );
    const read = blocking!.xread('BLOCK', 20_000, 'STREAMS', 's', '$');
    stage.connections.closeUnresponsive({ afterMs: 1000 });
    await sleep(2500);
    await stage.admin.xadd('s', '*', 'a', '1');
    expect(await read).not.toBeNull();
    expect([asking!.status, blocking!.status]).toEqual(['ready', 'ready']);
  });
});
