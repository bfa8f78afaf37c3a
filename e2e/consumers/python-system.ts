import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { ledgerKeys } from '@rekey/ledger';
import type { KeyRotated } from '@rekey/schema';
import type { App } from '@rekey/testing';
import { API_KEY, eventually, startSystem, type System } from '../support/system.ts';
import {
  addConsumer,
  type AddedConsumer,
  type PythonConsumer,
  type PythonStatus,
} from './python-consumer.ts';

export const EVENTS = '{rekey}:events';

/** An id with characters that key names percent-encode, and some that they do not. */
export const ODD = "ü'(1)*!:&+~";

export const ASSISTANTS = 9;

interface PythonSystem {
  system: System;
  worker: App;
  billing: AddedConsumer;
  folder: string;
  stop(): Promise<void>;
}

/** Starts a system with a worker that sweeps every second, and a consumer `billing`. */
export const startPythonSystem = async (): Promise<PythonSystem> => {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-python-'));
  // With it, sweeps call the org by its name and not `c`.
  const apiKeys = join(folder, 'api-keys.json');
  await writeFile(apiKeys, JSON.stringify({ org_demo: API_KEY }), { mode: 0o600 });
  const system = await startSystem({
    simulator: ['--assistants', String(ASSISTANTS - 1)],
    worker: false,
    redis: { persistence: 'always' },
  });
  await system.admin('POST', '/assistants', { org_id: 'org_demo', id: ODD });
  const worker = await system.startWorker({
    INVENT_API_KEY: '',
    INVENT_API_KEYS_FILE: apiKeys,
    REKEY_SWEEP_EVERY_MS: '1000',
  });
  await eventually(
    () => system.redis.zcard('{rekey}:assistants:org_demo'),
    (count) => count === ASSISTANTS,
  );
  const billing = await addConsumer(system, 'billing');
  const stop = async () => {
    await system.stop();
    await rm(folder, { recursive: true });
  };
  return { system, worker, billing, folder, stop };
};

/** What specs of consumer.py read and expect of a system. */
export const readerOf = (systemNow: () => System) => {
  const lastId = async (): Promise<string> =>
    (await systemNow().redis.xrevrange(EVENTS, '+', '-', 'COUNT', '1'))[0]![0];
  const current = async (assistantId: string): Promise<KeyRotated> =>
    JSON.parse((await systemNow().redis.get(ledgerKeys('rekey').current(assistantId)))!) as KeyRotated;
  const trueHash = async (assistantId: string, userId: string): Promise<string> =>
    createHmac('sha256', (await systemNow().trueKey(encodeURIComponent(assistantId)))!)
      .update(userId)
      .digest('hex');
  return {
    lastId,
    current,
    trueHash,
    expectValidSignature: async (consumer: PythonConsumer, assistantId: string): Promise<void> => {
      const { version } = (await current(assistantId)).data;
      const hash = await trueHash(assistantId, 'user 42');
      expect(
        await eventually(
          () => consumer.sign(assistantId, 'user 42'),
          (answer) => answer.hash === hash,
        ),
      ).toMatchObject({ version, uncertain: false });
    },
    /** Waits until the consumer has read the whole stream. */
    untilCaughtUp: async (consumer: PythonConsumer): Promise<PythonStatus> => {
      const last = await lastId();
      return consumer.untilStatus(({ state, position }) => state === 'following' && position === last);
    },
    seqAfter: async (): Promise<number> => Number(await systemNow().redis.get('{rekey}:seq')) + 1,
  };
};
