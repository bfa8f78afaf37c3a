import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { KEY_ROTATED } from '@rekey/schema';
import { createKeyFile, createSealer, loadKeyFile, sealRecord, type Sealer } from '@rekey/sealing';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import { startEventRecorder } from './event-recorder.ts';

let redis: Redis;
let folder: string;
let sealer: Sealer;
let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  folder = await mkdtemp(join(tmpdir(), 'rekey-recorder-'));
  const keyFile = join(folder, 'key.json');
  await createKeyFile(keyFile);
  sealer = createSealer(await loadKeyFile(keyFile));
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
  await rm(folder, { recursive: true });
});
beforeEach(() => redis.flushall());

const eventOf = (assistantId: string, version: number): string => {
  const assistantJson = JSON.stringify({ id: assistantId, secret_key: `${assistantId} ${version}` });
  const content = { type: KEY_ROTATED, orgId: 'org_1', assistantId, version, cause: 'rotation' } as const;
  return JSON.stringify({
    specversion: '1.0',
    id: String(version),
    source: `/orgs/org_1/assistants/${assistantId}`,
    type: KEY_ROTATED,
    subject: assistantId,
    time: '2026-11-29T00:00:00Z',
    datacontenttype: 'application/json',
    data: {
      seq: 1,
      rotation_id: null,
      bulk_rotation_id: null,
      version,
      cause: 'rotation',
      updated_at: '2026-11-29T00:00:00Z',
      fingerprint: 'nothing proves it',
      sealed: JSON.parse(sealRecord(sealer, { ...content, assistantJson })) as object,
    },
  });
};
const add = (event: string, id = '*') => redis.xadd('{rekey}:events', id, 'event', event);
const recorded = async (recorder: ReturnType<typeof startEventRecorder>) => {
  await recorder.stop();
  return recorder.published().map(({ event }) => `${event.subject} ${event.data.version}`);
};

describe('the recorder of a spoilt stream', () => {
  it('records the events of assistants that were claimed together, which have the same id', async () => {
    await add(eventOf('ast_1', 7));
    await add(eventOf('ast_2', 7));
    await add(eventOf('ast_2', 7));
    expect(await recorded(startEventRecorder(redis, 'rekey', sealer))).toEqual(['ast_1 7', 'ast_2 7']);
  });

  it('reads on in a stream that replaced one at its last id', async () => {
    const recorder = startEventRecorder(redis, 'rekey', sealer);
    await add(eventOf('ast_1', 1));
    await add('{}', '18446744073709551615-18446744073709551615');
    while (recorder.published().length < 1) await new Promise((resolve) => void setTimeout(resolve, 10));
    await redis.del('{rekey}:events');
    await add(eventOf('ast_2', 2));
    expect(await recorded(recorder)).toEqual(['ast_1 1', 'ast_2 2']);
  });
});
