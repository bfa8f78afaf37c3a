import { describe, expect, it } from '@jest/globals';
import { BulkLost } from './bulk-lost.ts';
import {
  keys,
  redis,
  bulks,
  upstream,
  names,
  make,
  doTask,
  prepared,
  rotateAll,
  rotateSingly,
  removals,
  corrupt,
  codeOf,
  useBulkTasks,
} from './bulk-task-fixture.ts';

useBulkTasks();

describe('verifying', () => {
  it('compares an assistant in the other org under which another rotation has published it', async () => {
    upstream.add('org_a', ...names(300));
    upstream.add('org_b', 'ast_b');
    await prepared();
    await redis.del(keys.bulksActive);
    const bulk = await make(['ast_b']);
    await redis.hset(keys.bulk(bulk.id), 'created', Date.now() - 1000);
    await rotateSingly('org_b', 'ast_b');
    await rotateAll();
    await doTask();
    expect(await bulks.get(bulk.id)).toMatchObject({
      state: 'COMPLETED',
      counts: { shared: 1 },
      verification: { verified: 1, repaired: 0, unverified: 0 },
    });
    expect(upstream.requests.at(-1)).toBe('GET org_b/ast_b');
    expect(await removals()).toEqual([]);
  });

  it.each(['UPSTREAM_UNAUTHENTICATED', 'UPSTREAM_FORBIDDEN', 'ASSISTANT_NOT_FOUND'] as const)(
    'ends if Invent refuses it (%s), and reports all assistants as unverified',
    async (code) => {
      upstream.add('org_a', ...names(150));
      const { id } = await prepared();
      await rotateAll();
      upstream.refuses = code;
      await doTask();
      const { state, verification } = await bulks.get(id);
      expect({ state, verification }).toMatchObject({
        state: 'COMPLETED',
        verification: { verified: 0, repaired: 0, unverified: 150, differing: names(100) },
      });
      // The next sweep lists the others.
      expect(await redis.zcard(keys.checks)).toBe(100);
    },
  );

  it('ends after one request if a few are read one by one and the API key is refused', async () => {
    upstream.add('org_a', ...names(300));
    await prepared();
    await redis.del(keys.bulksActive);
    const { id } = await make(names(3));
    await rotateAll();
    upstream.refuses = 'UPSTREAM_UNAUTHENTICATED';
    upstream.requests.length = 0;
    await doTask();
    expect(await bulks.get(id)).toMatchObject({
      state: 'COMPLETED',
      verification: { unverified: 3, differing: names(3) },
    });
    expect(upstream.requests).toEqual(['GET org_a/ast_0']);
  });

  it('is retried while upstream is unreachable, and ends after the retry period', async () => {
    upstream.add('org_a', ...names(20));
    const { id } = await prepared();
    await rotateAll();
    upstream.refuses = 'UPSTREAM_UNREACHABLE';
    expect(await codeOf(doTask())).toBe('UPSTREAM_UNREACHABLE');
    const { verification, state } = await bulks.get(id);
    expect(state).toBe('VERIFYING');
    // The retry period begins with the first attempt of any worker.
    const retryForMs = Date.now() - verification!.sinceMs! + 60_000;
    expect(await codeOf(doTask({ retryForMs }))).toBe('UPSTREAM_UNREACHABLE');
    expect((await bulks.get(id)).verification!.sinceMs).toBe(verification!.sinceMs);
    await doTask({ retryForMs: 0 });
    expect(await bulks.get(id)).toMatchObject({
      state: 'COMPLETED',
      verification: { verified: 0, unverified: 20 },
    });
  });

  it('continues if the entry of one assistant cannot be read, and names it', async () => {
    upstream.add('org_a', ...names(20));
    const { id } = await prepared();
    await rotateAll();
    await corrupt('ast_5');
    await doTask();
    expect(await bulks.get(id)).toMatchObject({
      state: 'COMPLETED',
      verification: { verified: 19, unverified: 1, differing: ['ast_5'] },
    });
    expect(await redis.hkeys(keys.quarantine)).toEqual(['ast_5']);
  });

  it('publishes and names assistants that were rotated elsewhere meanwhile', async () => {
    upstream.add('org_a', ...names(20));
    const { id } = await prepared();
    await rotateAll();
    upstream.rotate('org_a', 'ast_5');
    await doTask();
    expect(await bulks.get(id)).toMatchObject({
      state: 'COMPLETED',
      verification: { verified: 19, repaired: 1, unverified: 0, differing: ['ast_5'] },
    });
  });
});

describe('verifying a bulk rotation that another client has changed', () => {
  it('rotates assistants that only their states call rotated', async () => {
    upstream.add('org_a', ...names(20));
    const { id } = await prepared();
    await redis.set(keys.bulkStates(id), 's'.repeat(20));
    for (const name of names(20)) await redis.hset(keys.assistant(name), 'known', Date.now() - 60_000);
    await redis.hset(keys.bulk(id), { succeeded: 20, cursor: 20, state: 'VERIFYING' });
    await expect(doTask()).rejects.toThrow(BulkLost);
    expect(await bulks.get(id)).toMatchObject({ state: 'RUNNING', counts: { waiting: 20, succeeded: 0 } });
    await rotateAll();
    await doTask();
    expect(await bulks.get(id)).toMatchObject({
      state: 'COMPLETED',
      counts: { succeeded: 20 },
      verification: { verified: 20 },
    });
  });

  it('rotates all of them, also of several thousand', async () => {
    upstream.add('org_a', ...names(2100));
    const { id } = await prepared();
    await redis.set(keys.bulkStates(id), 's'.repeat(2100));
    for (const name of names(2100)) await redis.hset(keys.assistant(name), 'known', Date.now() - 60_000);
    await redis.hset(keys.bulk(id), { succeeded: 2100, cursor: 2100, state: 'VERIFYING' });
    await expect(doTask()).rejects.toThrow(BulkLost);
    expect((await bulks.get(id)).counts).toMatchObject({ waiting: 2100, succeeded: 0 });
  });

  it('reports assistants as unverified that only their states call rotated, a second time', async () => {
    upstream.add('org_a', ...names(20));
    const { id } = await prepared();
    await rotateAll();
    const laterMs = Date.now() + 60_000;
    await redis.hset(keys.bulk(id), { created: laterMs, returned: 1 });
    await doTask();
    expect(await bulks.get(id)).toMatchObject({
      state: 'COMPLETED',
      verification: { verified: 0, unverified: 20 },
    });
  });

  it('ends one without assistants', async () => {
    const { id } = await prepared();
    await doTask();
    expect(await bulks.get(id)).toMatchObject({ state: 'COMPLETED', counts: { total: 0 } });
  });

  it('reports assistants as unverified that its list lacks', async () => {
    upstream.add('org_a', ...names(20));
    const { id } = await prepared();
    await rotateAll();
    await redis.del(keys.bulkIds(id));
    await doTask();
    expect(await bulks.get(id)).toMatchObject({
      state: 'COMPLETED',
      verification: { verified: 0, unverified: 20 },
    });
  });

  it('counts anew what its states do not show', async () => {
    upstream.add('org_a', ...names(20));
    const { id } = await prepared();
    await rotateAll();
    await redis.hset(keys.bulk(id), 'failed', 3);
    await expect(doTask()).rejects.toThrow(BulkLost);
    expect((await bulks.get(id)).counts).toMatchObject({ succeeded: 20, failed: 0 });
    await doTask();
    expect((await bulks.get(id)).state).toBe('COMPLETED');
  });
});
