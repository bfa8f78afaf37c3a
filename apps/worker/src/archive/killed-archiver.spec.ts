import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { verifyArchive } from '@rekey/archive';
import { lineOf, startChild, type Child } from '@rekey/testing';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';

/** For thousands: REKEY_ARCHIVE_KILLS=2000 npx nx run @rekey/worker:test -- killed */
const KILLS = Number(process.env['REKEY_ARCHIVE_KILLS'] ?? 8);
/** Fewer entries for more kills: the spec reads the whole archive at the end. */
const ENTRIES_AT_ONCE = Math.max(1, Math.round(320 / KILLS));
const program = fileURLToPath(new URL('archiver-process-fixture.ts', import.meta.url));

let redis: Redis;
const { url } = useRedis((address) => {
  redis = new Redis(address);
  return redis;
});
const pair = generateKeyPairSync('ed25519');
let root: string;
let path: string;
let children: Child[] = [];
let output = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rekey-killed-'));
  path = join(root, 'archive');
  await writeFile(join(root, 'key.pem'), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
});
afterEach(async () => {
  for (const child of children) await child.kill();
  children = [];
  await rm(root, { recursive: true });
});

const start = (name: string): Child => {
  const args = ['--conditions=@rekey/source', program, url(), path, join(root, 'key.pem'), name];
  const child = startChild(process.execPath, args);
  for (const out of [child.process.stdout, child.process.stderr])
    out?.on('data', (chunk: Buffer) => (output += `${name}: ${chunk.toString('utf8')}`));
  children.push(child);
  return child;
};

/** Adds entries to both streams until it is stopped; returns how many. */
const feed = () => {
  let added = 0;
  const stop = new AbortController();
  const done = (async () => {
    while (!stop.signal.aborted) {
      const pipeline = redis.pipeline();
      for (let i = 0; i < ENTRIES_AT_ONCE; i += 1) {
        added += 1;
        const event = { type: 'test', subject: 'ast', data: { seq: added, run: 1, sealed: {} } };
        pipeline.xadd('{spec}:events', '*', 'event', JSON.stringify(event));
        pipeline.xadd('{spec}:activity', '*', 'type', 'freeze.set', 'reason', String(added));
      }
      await pipeline.exec();
      await sleep(5);
    }
    return added;
  })();
  return () => {
    stop.abort();
    return done;
  };
};

const opened = (child: Child) =>
  lineOf(child, (line) => (line.includes('"archive_opened"') ? true : undefined), 'not opened').catch(
    (error: Error) => {
      throw new Error(`${error.message}: ${output.slice(-3000)}`);
    },
  );

it(
  'a process that is killed or stopped at any moment leaves no gap, and no entry twice',
  async () => {
    const stopFeeding = feed();
    let stopped: Child | undefined;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = start(`w${kill}`);
      await opened(child);
      await sleep(Math.random() * 120);
      // One that was stopped wakes up while another one writes.
      stopped?.signal('SIGCONT');
      await sleep(Math.random() * 30);
      await stopped?.kill();
      stopped = undefined;
      if (kill % 3 === 2) {
        child.signal('SIGSTOP');
        stopped = child;
      } else await child.kill();
      // As the lease ends.
      await redis.del('{spec}:archiving');
    }
    await stopped?.kill();
    const added = await stopFeeding();
    await redis.del('{spec}:archiving');
    const last = start('last');
    await opened(last);
    const position = (await redis.xrevrange('{spec}:activity', '+', '-', 'COUNT', 1))[0]![0];
    const verifiers = [
      { kid: 'rekey', publicKey: createPublicKey(pair.publicKey.export({ type: 'spki', format: 'pem' })) },
    ];
    const positions = [{ stream: 'activity' as const, position }];
    const notes: object[] = [];
    const verify = () =>
      verifyArchive({ path, verifiers, positions, onControl: (control) => void notes.push(control) });
    // Everything is archived within moments, and signed.
    while ((await verify()).breaks.length > 0 || (await verify()).tail?.entries !== 0) await sleep(100);
    await last.kill();
    const report = await verify();
    expect(report).toMatchObject({ breaks: [], gaps: 0, histories: 0, unreadable: 0 });
    expect(notes).toEqual([]);
    expect([report.streams.events.entries, report.streams.activity.entries]).toEqual([added, added]);
    const names = (await readdir(path)).filter((name) => /^\d{10}\.jsonl$/.test(name)).toSorted();
    const seqs: number[] = [];
    for (const name of names)
      for (const [, seq] of (await readFile(join(path, name), 'utf8')).matchAll(/"seq":(\d+)/g))
        seqs.push(Number(seq));
    expect(seqs).toEqual(Array.from({ length: added }, (_, i) => i + 1));
  },
  120_000 + KILLS * 10_000,
);
