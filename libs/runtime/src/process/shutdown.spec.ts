import { describe, expect, it } from '@jest/globals';
import { silentLogger } from '../logging/spec-loggers.ts';
import { createShutdown } from './shutdown.ts';

describe('createShutdown', () => {
  it('releases last in, first out, once, and in spite of an error', async () => {
    const order: string[] = [];
    const shutdown = createShutdown(silentLogger);
    shutdown.defer('first', () => void order.push('first'));
    shutdown.defer('broken', () => {
      order.push('broken');
      throw new Error('no');
    });
    shutdown.defer('last', async () => void order.push('last'));
    await Promise.all([shutdown.run(), shutdown.run()]);
    expect(order).toEqual(['last', 'broken', 'first']);
  });
});
