import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createKeyFile } from '@rekey/sealing';
import { startRedis } from '@rekey/testing';
import { refusal, waitingWorker } from '../support/refusal.ts';
import { startSystem, type System } from '../support/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem({ worker: false });
});
afterAll(() => system.stop());

describe('an unsuitable Redis', () => {
  it.each(['gateway', 'worker'] as const)('is refused if it evicts keys: %s', async (app) => {
    const evicting = await startRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] });
    const { code, text } = await refusal(app, { ...system.environment, REDIS_URL: evicting.url });
    await evicting.dispose();
    expect(code).toBe(1);
    expect(text).toContain('maxmemory-policy of Redis is allkeys-lru');
  });

  it('leads to a warning if it does not persist, and is refused if persistence is required', async () => {
    expect((await system.startWorker()).output()).toContain('Redis keeps no append-only file');
    const { code, text } = await refusal('worker', {
      ...system.environment,
      REKEY_REQUIRE_DURABLE_REDIS: 'true',
    });
    expect(code).toBe(1);
    expect(text).toContain('Redis keeps no append-only file');
    const durable = await startRedis({ persistence: 'everysec' });
    const worker = await system.startWorker({ REDIS_URL: durable.url, REKEY_REQUIRE_DURABLE_REDIS: 'true' });
    expect(worker.output()).not.toContain('append-only');
    await worker.child.kill();
    await durable.dispose();
  });
});

describe('a bad start', () => {
  it('names the wrong variables, and shows no value', async () => {
    const { code, text } = await refusal('worker', {
      REDIS_URL: 'hunter2',
      INVENT_BASE_URL: 'http://hunter2.example.com',
      INVENT_TIMEOUT_MS: 'hunter2',
      WORKER_CONCURRENCY: '0',
    });
    expect(code).toBe(1);
    for (const name of [
      'REDIS_URL',
      'INVENT_TIMEOUT_MS',
      'WORKER_CONCURRENCY',
      'REKEY_KEY_FILE: is required',
    ])
      expect(text).toContain(name);
    expect(text).not.toContain('hunter2');
  });

  it('requires https except for loopback', async () => {
    const { code, text } = await refusal('worker', {
      ...system.environment,
      INVENT_BASE_URL: 'http://api.example.com',
    });
    expect(code).toBe(1);
    expect(text).toContain('INVENT_BASE_URL: must be https, except on loopback');
  });

  it('waits with a key file that the ledger was not created with, and says why', async () => {
    await system.startWorker();
    const other = `${system.keyFile}.other`;
    await createKeyFile(other);
    const { line, code } = await waitingWorker({ ...system.environment, REKEY_KEY_FILE: other });
    expect([line, code]).toEqual([expect.stringContaining('the ledger names key'), 0]);
  });

  it('refuses a key file that is missing or broken', async () => {
    expect(
      (await refusal('worker', { ...system.environment, REKEY_KEY_FILE: '/no/such/file' })).text,
    ).toContain('rekey key-file create');
    const broken = `${system.keyFile}.broken`;
    await writeFile(broken, 'hunter2', { mode: 0o600 });
    const { code, text } = await refusal('worker', { ...system.environment, REKEY_KEY_FILE: broken });
    expect(code).toBe(1);
    expect(text).toContain('is not JSON');
    expect(text).not.toContain('hunter2');
  });

  it('refuses a key file that other users can read, unless it is mounted', async () => {
    const open = `${system.keyFile}.open`;
    await copyFile(system.keyFile, open);
    await chmod(open, 0o644);
    const env = { ...system.environment, REKEY_KEY_FILE: open };
    const { code, text } = await refusal('worker', env);
    expect(code).toBe(1);
    expect(text).toMatch(/REKEY_KEY_FILE: key file .* can be read by other users \(mode 0644\)/);
    const worker = await system.startWorker({ REKEY_KEY_FILE: open, REKEY_MOUNTED_SECRETS: 'true' });
    await worker.untilOutput(/"event":"key_file_exposed"/);
  });
});
