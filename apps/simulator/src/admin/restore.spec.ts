import { setTimeout as sleep } from 'node:timers/promises';
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { json, startSimulator, type Simulator } from '../simulator-fixture.ts';
import { renderRecord } from '../world/record.ts';
import { preciseNowMs } from '../world/state.ts';
import type { World } from '../world/world.ts';

let world: World;
let simulator: Simulator;
beforeEach(async () => {
  simulator = await startSimulator({ assistants: 5 });
  world = simulator.world;
});
afterEach(() => simulator.close());

const admin = async (method: string, path: string, body?: object) => {
  const response = await simulator.admin(method, path, body);
  return { status: response.status, body: response.status === 200 ? await json(response) : undefined };
};
const restore = (body: object) => admin('POST', '/restore', body);
const historyOf = async (id: string) =>
  (await admin('GET', '/history')).body[id] as { key: string | null; atMs: number; by: string }[];
const keyOf = (id: string) => world.find(id)?.secretKey;
const rotated = (id: string) => world.rotate(id, 'request')!.secretKey;
/** A time at which nothing changes. */
const moment = async () => {
  await sleep(3);
  const atMs = preciseNowMs();
  await sleep(3);
  return atMs;
};

describe('a restored backup', () => {
  it('puts the earlier keys in force again, and records that', async () => {
    const start = keyOf('ast_1');
    const first = rotated('ast_1');
    const { updatedAt } = world.find('ast_1')!;
    const atMs = await moment();
    const second = rotated('ast_1');
    rotated('ast_2');
    expect((await restore({ at_ms: atMs })).body).toEqual({ restored: 2 });
    expect((await historyOf('ast_1')).map(({ key, by }) => [key, by])).toEqual([
      [start, 'start'],
      [first, 'request'],
      [second, 'request'],
      [first, 'restored'],
    ]);
    expect((await historyOf('ast_2')).map(({ by }) => by)).toEqual(['start', 'request', 'restored']);
    expect(renderRecord('ast_1', world.find('ast_1')!)).toMatchObject({
      secret_key: first,
      updated_at: updatedAt,
    });
    const third = rotated('ast_1');
    expect([start, first, second]).not.toContain(third);
    expect((await restore({ at_ms: preciseNowMs() })).body).toEqual({ restored: 0 });
  });

  it('can affect one org or one assistant only', async () => {
    const before = [keyOf('ast_1'), keyOf('ast_2'), keyOf('ast_s1_1')];
    const atMs = await moment();
    for (const id of ['ast_1', 'ast_2', 'ast_s1_1']) rotated(id);
    expect((await restore({ at_ms: atMs, assistant_id: 'ast_2' })).body).toEqual({ restored: 1 });
    expect((await restore({ at_ms: atMs, org_id: 'org_sub1' })).body).toEqual({ restored: 1 });
    expect([keyOf('ast_2'), keyOf('ast_s1_1')]).toEqual(before.slice(1));
    expect(keyOf('ast_1')).not.toBe(before[0]);
  });

  it('can lose the last changes', async () => {
    const first = rotated('ast_1');
    const atMs = await moment();
    // The simulator counts from the arrival of the request, which may take a while.
    await sleep(1000);
    rotated('ast_1');
    rotated('ast_1');
    await restore({ ago_ms: preciseNowMs() - atMs });
    expect(keyOf('ast_1')).toBe(first);
  });

  it('restores what was deleted since, softly or permanently, and removes later assistants', async () => {
    const [one, two] = [keyOf('ast_1'), keyOf('ast_2')];
    const atMs = await moment();
    world.remove('ast_1');
    world.patch('ast_2', { deleted: true });
    world.create('ast_new', 'org', 'start');
    world.remove('ast_3');
    world.create('ast_3', 'org', 'end');
    expect((await restore({ at_ms: atMs })).body.restored).toBeGreaterThanOrEqual(4);
    expect(world.find('ast_new')).toBeUndefined();
    expect([keyOf('ast_1'), keyOf('ast_2')]).toEqual([one, two]);
    expect(renderRecord('ast_2', world.find('ast_2')!)).toMatchObject({ deleted: false });
    expect(world.assistantIds('org').toSorted()).toEqual(['ast_1', 'ast_2', 'ast_3', 'ast_4', 'ast_5']);
    expect((await historyOf('ast_new')).map(({ key, by }) => [key === null, by])).toEqual([
      [false, 'start'],
      [true, 'restored'],
    ]);
    expect((await historyOf('ast_1')).map(({ key, by }) => [key, by])).toEqual([
      [one, 'start'],
      [null, 'removed'],
      [one, 'restored'],
    ]);
  });

  it('deletes again what was undeleted since', async () => {
    world.patch('ast_1', { deleted: true });
    const atMs = await moment();
    world.patch('ast_1', { deleted: false });
    await restore({ at_ms: atMs });
    expect(renderRecord('ast_1', world.find('ast_1')!)).toMatchObject({ deleted: true });
    expect((await historyOf('ast_1')).at(-1)).toMatchObject({ key: null, by: 'restored' });
  });

  it('makes the check of hashes consider when the key was in force', async () => {
    const key = keyOf('ast_1')!;
    const atMs = await moment();
    rotated('ast_1');
    const between = await moment();
    await restore({ at_ms: atMs });
    const signed = {
      assistant_id: 'ast_1',
      user_id: 'u',
      hash: createHmac('sha256', key).update('u').digest('hex'),
    };
    const check = async (signedAtMs: number) =>
      (await admin('POST', '/hashes', [{ ...signed, signed_at_ms: signedAtMs }])).body[0];
    const [, replaced] = await historyOf('ast_1');
    expect(await check(between)).toEqual({ key: 0, stale_ms: expect.closeTo(between - replaced!.atMs) });
    expect(await check(atMs)).toEqual({ key: 0, stale_ms: 0 });
    expect(await check(preciseNowMs())).toEqual({ key: 2, stale_ms: 0 });
  });

  it.each([{}, { at_ms: 1, ago_ms: 1 }, { at_ms: 'now' }, { ago_ms: -1 }])('rejects %j', async (body) => {
    expect((await restore(body)).status).toBe(400);
  });
});
