import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { redis, useLedger } from '../../ledger-fixture.ts';
import type { Ledger } from '../../open-ledger.ts';
import { add, believes, codesOf, copyOf, fresh, remove } from '../registry-fixture.ts';

/* A process that starts while another client has put back the registry of before, with its memory file. */

useLedger();

let dir: string;
let memoryPath: string;
/** What the file held when all was right. */
let good: Buffer;
let rollBack: () => Promise<void>;
const NOW = ['billing org_1'];
const BEFORE = ['billing org_1', 'gone *'];

/** A process that stops after it has saved its memory. */
const run = async (act: (one: Ledger) => Promise<unknown>): Promise<void> => {
  const one = fresh({ memoryPath });
  await one.system.recognise();
  await act(one);
  await one.registry.startLooking(60_000, () => {}).close();
};
const started = async (): Promise<Ledger> => {
  const one = fresh({ memoryPath });
  await one.system.recognise();
  return one;
};
/** Another host has another time. */
const withClock = (aheadMs: number) => {
  const nowMs = Date.now();
  return jest.spyOn(Date, 'now').mockImplementation(() => nowMs + aheadMs);
};
const close = (one: Ledger) => one.registry.startLooking(60_000, () => {}).close();

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rekey-memory-'));
  memoryPath = join(dir, 'memory');
  await run(async (one) => {
    await add(one, 'billing');
    await add(one, 'gone', { orgs: ['*'] });
    rollBack = await copyOf('consumers', 'registry');
    await remove(one, 'gone');
  });
  good = await readFile(memoryPath);
  await rollBack();
});
afterEach(() => rm(dir, { recursive: true, maxRetries: 10 }));

describe('a ledger whose id another client has changed while no process lived', () => {
  it('is not believed, neither then nor when it has its id again', async () => {
    const id = (await redis.hget('{spec}:ledger', 'id'))!;
    await redis.hset('{spec}:ledger', { id: 'X'.repeat(16), adopted: 'X'.repeat(16) });
    const one = await started();
    expect(await believes(one)).toEqual([]);
    expect(one.registry.untrusted()).toBe('REGISTRY_UNTRUSTED');
    expect(codesOf(one)).toEqual(['REGISTRY_UNTRUSTED', 'REGISTRY_MEMORY_UNUSABLE']);

    await redis.hset('{spec}:ledger', { id, adopted: id });
    await one.system.recognise();
    await believes(one);
    expect(await believes(one)).toEqual(NOW);
    expect(codesOf(one)).toEqual(['CONSUMER_UNTRUSTED gone', 'REGISTRY_ROLLED_BACK']);
    await close(one);
  });

  it('is not taken for a new one, though nothing is stored in it', async () => {
    await redis.del('{spec}:registry', '{spec}:consumers');
    await redis.hset('{spec}:ledger', { id: 'X'.repeat(16), adopted: 'X'.repeat(16) });
    const one = await started();
    await believes(one);
    expect(one.registry.untrusted()).toBe('REGISTRY_UNTRUSTED');
  });
});

describe('a ledger whose id another client has changed while its process lived', () => {
  const renameTo = (id: string) => redis.hset('{spec}:ledger', { id, adopted: id });

  it('has its memory under either id after a restart', async () => {
    const id = (await redis.hget('{spec}:ledger', 'id'))!;
    const one = await started();
    await believes(one);
    for (const other of ['X'.repeat(16), 'Y'.repeat(16)]) {
      await renameTo(other);
      await one.system.recognise();
      expect(await believes(one)).toEqual(NOW);
      await close(one);
    }
    for (const current of [id, 'X'.repeat(16), 'Y'.repeat(16)]) {
      await renameTo(current);
      await redis.del('{spec}:registry');
      const two = await started();
      expect(await believes(two)).toEqual(NOW);
      expect(codesOf(two)).not.toContain('REGISTRY_MEMORY_UNUSABLE');
      await close(two);
    }
  });

  it('has the id that it had first there, however often that is changed', async () => {
    const id = (await redis.hget('{spec}:ledger', 'id'))!;
    const one = await started();
    await believes(one);
    for (let i = 10; i < 40; i += 1) {
      await renameTo(`${'X'.repeat(14)}${i}`);
      await one.system.recognise();
      await add(one, `c${i}`);
      await close(one);
    }
    expect((await readFile(memoryPath)).length).toBeLessThan(10_000);
    await renameTo(id);
    const two = await started();
    await believes(two);
    expect(codesOf(two)).not.toContain('REGISTRY_MEMORY_UNUSABLE');
    expect(two.registry.list().consumers).not.toEqual([]);
  });
});

describe.each<[what: string, spoil: () => Promise<unknown>]>([
  ['is cut off', () => writeFile(memoryPath, good.subarray(0, good.length - 9))],
  ['is empty', () => writeFile(memoryPath, '')],
  ['is too long', () => writeFile(memoryPath, Buffer.alloc(300_000, 'x'))],
  [
    'cannot be read',
    async () => {
      await rm(memoryPath);
      await mkdir(memoryPath);
    },
  ],
])('a memory file that %s', (what, spoil) => {
  const remains = () => readFile(memoryPath).catch(() => undefined);

  it('lets nobody be believed, is named, and stays as it is', async () => {
    await spoil();
    const before = await remains();
    const one = await started();
    for (let looks = 0; looks < 3; looks += 1) {
      expect(await believes(one)).toEqual([]);
      expect(codesOf(one)).toEqual(['REGISTRY_UNTRUSTED', 'REGISTRY_MEMORY_UNUSABLE']);
    }
    await expect(add(one, 'crm')).rejects.toMatchObject({ code: 'REGISTRY_UNTRUSTED' });
    await close(one);
    expect(await remains()).toEqual(before);
  });

  it('counts again when it is restored', async () => {
    await spoil();
    const one = await started();
    await believes(one);
    await rm(memoryPath, { recursive: true });
    await writeFile(memoryPath, good);
    await believes(one);
    expect(await believes(one)).toEqual(NOW);
    expect(codesOf(one)).toEqual(['CONSUMER_UNTRUSTED gone', 'REGISTRY_ROLLED_BACK']);
  });

  it('is no reason any more when it is removed', async () => {
    await spoil();
    const one = await started();
    await believes(one);
    await rm(memoryPath, { recursive: true });
    expect(await believes(one)).toEqual(BEFORE);
    expect(codesOf(one)).toEqual([]);
  });

  it('is no reason any more when an operator has decided, and is replaced', async () => {
    await spoil();
    const [one, gateway] = [await started(), fresh()];
    await believes(one);
    const candidates = await gateway.registry.trust.candidates();
    await gateway.registry.trust.accept(candidates.filter(({ name }) => name === 'billing'));
    expect(await believes(one)).toEqual(NOW);
    expect(codesOf(one)).toEqual([]);
    await close(one);
    const isReplaced = what !== 'cannot be read';
    const text = await readFile(memoryPath, 'utf8').catch(() => '');
    expect(text.includes('"trusted"')).toBe(isReplaced);
  });

  it('is no reason any more when an operator has decided, by a gateway with a slow clock', async () => {
    await spoil();
    const [one, gateway] = [await started(), fresh()];
    await believes(one);
    const clock = withClock(-3_600_000);
    await gateway.registry.trust.accept(await gateway.registry.trust.candidates());
    clock.mockRestore();
    expect(await believes(one)).toEqual(BEFORE);
  });

  it('is not outweighed by what was decided before by a gateway with a fast clock', async () => {
    const gateway = fresh();
    const clock = withClock(3_600_000);
    await gateway.registry.trust.accept(await gateway.registry.trust.candidates());
    clock.mockRestore();
    await sleep(5);
    await spoil();
    expect(await believes(await started())).toEqual([]);
  });

  it('is not outweighed by what an operator decided before', async () => {
    const gateway = fresh();
    await gateway.registry.trust.accept(await gateway.registry.trust.candidates());
    await sleep(5);
    await spoil();
    expect(await believes(await started())).toEqual([]);
  });
});

describe('a memory file that could not be written', () => {
  it('is written as soon as that is possible, and the failure is reported once', async () => {
    const kinds: string[] = [];
    await rm(dir, { recursive: true });
    const one = fresh({ memoryPath, report: ({ kind }) => kinds.push(kind) });
    await one.system.recognise();
    for (let looks = 0; looks < 3; looks += 1) {
      await believes(one);
      await close(one);
    }
    expect(kinds).toEqual(['memory-failed']);
    expect(one.registry.isRemembered()).toBe(false);

    await mkdir(dir);
    await believes(one);
    await close(one);
    expect(one.registry.isRemembered()).toBe(true);
    expect(await readFile(memoryPath, 'utf8')).toContain('"billing"');
  });

  it('is replaced as soon as that is possible, if an operator has decided', async () => {
    await rm(memoryPath);
    await mkdir(memoryPath);
    const [one, gateway] = [await started(), fresh()];
    await believes(one);
    await gateway.registry.trust.accept(await gateway.registry.trust.candidates());
    await believes(one);
    await close(one);
    await rm(memoryPath, { recursive: true });
    await writeFile(memoryPath, 'nonsense');
    await believes(one);
    await close(one);
    expect(await readFile(memoryPath, 'utf8')).toContain('"trusted"');
  });
});

describe('a memory file of another ledger', () => {
  it('is not replaced by a process that has not written it', async () => {
    await writeFile(memoryPath, good.toString().replace(/"ledger":"[^"]*"/, '"ledger":"another"'));
    const before = await readFile(memoryPath);
    const one = await started();
    await believes(one);
    await close(one);
    expect(await readFile(memoryPath)).toEqual(before);
  });
});

describe('a memory file that was spoiled while its process lives', () => {
  it('is not replaced, and that is reported and shown', async () => {
    const kinds: string[] = [];
    const one = fresh({ memoryPath, report: ({ kind }) => kinds.push(kind) });
    await one.system.recognise();
    await believes(one);
    await close(one);
    expect(one.registry.isRemembered()).toBe(true);
    await writeFile(memoryPath, 'nonsense');
    await add(one, 'crm');
    await close(one);
    expect(kinds).toContain('memory-failed');
    expect(one.registry.isRemembered()).toBe(false);
    expect(await readFile(memoryPath, 'utf8')).toBe('nonsense');
  });
});
