import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyArchive } from '@rekey/archive';
import { loadKeyFile } from '@rekey/sealing';
import { median } from '../system/measure.ts';
import { startSystem, type System } from '../system/system.ts';
import { table, whole } from '../system/table.ts';
import type { Part } from './part.ts';

const ENTRIES = 100_000;
const PIPELINE = 1000;
const KEEP_ALL = '10000000';

/** An event as a rotation publishes it, sealed for Rekey and two consumers. */
const eventOf = (seq: number): string =>
  JSON.stringify({
    specversion: '1.0',
    id: String(1e15 + seq),
    source: `/orgs/org_demo/assistants/ast_${seq}`,
    type: 'rekey.assistant.key-rotated.v1',
    subject: `ast_${seq}`,
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    data: {
      seq,
      run: 1,
      rotation_id: 'rot_01KB0000000000000000000000',
      bulk_rotation_id: null,
      version: 1e15 + seq,
      cause: 'rotation',
      updated_at: '2026-01-01T00:00:00.000Z',
      fingerprint: `kid:${'f'.repeat(43)}`,
      sealed: {
        protected: 'p'.repeat(60),
        recipients: ['a', 'b', 'c'].map((kid) => ({
          header: { alg: 'A256KW', kid, proof: 'p'.repeat(43), key_proof: 'k'.repeat(43) },
          encrypted_key: 'e'.repeat(54),
        })),
        iv: 'i'.repeat(16),
        ciphertext: 'c'.repeat(600),
        tag: 't'.repeat(22),
      },
    },
  });

const record = (i: number): string[] =>
  Object.entries({
    type: 'rotation.requested',
    by: 'uri:spiffe://example.com/ns/shop/sa/billing',
    org: 'org_demo',
    target: 'rotation:rot_01KB0000000000000000000000',
    assistant: `ast_${i}`,
    reason: 'every 90 days',
    request: `5a4e3c1a-0000-4000-8000-${String(i).padStart(12, '0')}`,
    after: 'QUEUED',
  }).flat();

const fill = async ({ redis }: System, first: number): Promise<string> => {
  for (let i = 0; i < ENTRIES; i += PIPELINE) {
    const pipeline = redis.pipeline();
    for (let j = i; j < i + PIPELINE; j += 1) {
      pipeline.xadd('{rekey}:events', '*', 'event', eventOf(first + j));
      pipeline.xadd('{rekey}:activity', '*', ...record(j));
    }
    await pipeline.exec();
  }
  return (await redis.xrevrange('{rekey}:activity', '+', '-', 'COUNT', 1))[0]![0];
};

/** A worker archives what is in Redis; the archive is then verified. */
export const archive: Part = async ({ rounds }, progress) => {
  const system = await startSystem({ assistants: 1 });
  const path = join(system.folder, 'archive');
  const [worker] = await system.startWorkers(1, {
    REKEY_ARCHIVE_DIR: path,
    REKEY_ARCHIVE_MAX_BEHIND: KEEP_ALL,
    REKEY_KEEP_EVENTS: KEEP_ALL,
  });
  const { pid } = worker!.child;
  const { signing } = await loadKeyFile(join(system.folder, 'key.json'));
  const publicKey = createPublicKey({ key: signing.publicJwk as never, format: 'jwk' });
  const verifiers = [{ kid: signing.kid, publicKey }];
  const archived: Awaited<ReturnType<System['measureCosts']>>[] = [];
  for (let round = 0; round < rounds; round += 1) {
    progress(`archive: round ${round + 1}`);
    worker!.child.signal('SIGSTOP');
    const last = await fill(system, round * ENTRIES);
    worker!.child.signal('SIGCONT');
    const isDone = async () => (await system.redis.get('{rekey}:archive'))?.includes(`"activity":"${last}"`);
    const work = async () => {
      while (!(await isDone())) await sleep(20);
    };
    archived.push(await system.measureCosts([pid], 2 * ENTRIES, work));
  }
  await worker!.child.stop();
  const verified: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    progress(`archive: verify ${round + 1}`);
    const before = process.cpuUsage();
    const start = performance.now();
    const { breaks, streams } = await verifyArchive({ path, verifiers });
    if (breaks.length > 0) throw new Error(breaks[0]!.message);
    const { user, system: kernel } = process.cpuUsage(before);
    const entries = streams.events.entries + streams.activity.entries;
    verified.push((entries / (performance.now() - start)) * 1000);
    cpu.push((user + kernel) / entries);
  }
  await system.stop();
  const of = (pick: (one: (typeof archived)[number]) => number) => median(archived.map(pick));
  return table(
    [`${whole(2 * ENTRIES)} entries, half of them events`, 'a second', 'CPU µs an entry', 'Redis CPU µs'],
    [
      [
        'archived by a worker, from Redis to a synchronised file',
        whole(of(({ perSecond }) => perSecond)),
        of(({ cpuUs }) => cpuUs).toFixed(1),
        of(({ redisCpuUs }) => redisCpuUs).toFixed(1),
      ],
      ['verified by one process', whole(median(verified)), median(cpu).toFixed(2), ''],
    ],
  );
};
