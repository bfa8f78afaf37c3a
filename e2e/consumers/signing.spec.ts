import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { baseEnvironment, type Child, lineOf, repositoryRoot, startChild } from '@rekey/testing';
import { keysInForce } from '../support/invariants.ts';
import { startRekey } from '../support/rekey.ts';
import { eventually, proxyTo, startSystem, type System } from '../support/system.ts';

const CONSUMERS = ['billing', 'chat', 'crm', 'shop'];
/**
 * How long after a rotation hashes may still be made with the previous key. Set REKEY_SIGNING_WITHIN_MS=50 on
 * an idle machine; a busy one needs more.
 */
const WITHIN_MS = Number(process.env['REKEY_SIGNING_WITHIN_MS'] ?? 3000);

/** The report of a signing process. */
interface Report {
  keys: Record<string, string>;
  size: number;
  upToDate: boolean;
  signed: number;
  wentBack: number;
  results: { key: number | null; stale_ms: number | null }[];
}

interface Signer {
  child: Child;
  ask(): Promise<Report>;
}

let system: System;
let folder: string;
let closers: (() => Promise<unknown>)[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-signing-'));
  closers = [];
});
afterEach(async () => {
  for (const stop of closers.toReversed()) await stop();
  await system.stop();
  await rm(folder, { recursive: true });
});

const register = async (name: string): Promise<string> => {
  const file = join(folder, `${name}.json`);
  expect((await startRekey(system, ['consumer', 'keygen', file]).result).code).toBe(0);
  expect(
    await startRekey(system, ['consumer', 'add', name, '--key-file', file, '--org', '*']).result,
  ).toMatchObject({ code: 0 });
  return file;
};
/** Starts a process that signs `perSecond` hashes a second, and has the simulator check each. */
const startSigner = async (
  name: string,
  keyFile: string,
  perSecond = 0,
  redisUrl = system.redisServer.url,
): Promise<Signer> => {
  const child = startChild(
    process.execPath,
    ['--conditions=@rekey/source', join(repositoryRoot, 'e2e/consumers/signing-process.ts')],
    {
      env: {
        ...baseEnvironment(),
        REDIS_URL: redisUrl,
        CONSUMER: name,
        KEY_FILE: keyFile,
        ADMIN: system.simulator.ready['adminAddress'],
        PER_SECOND: String(perSecond),
      },
    },
  );
  closers.push(() => child.kill());
  await lineOf(child, (line) => (line.includes('"ready"') ? true : undefined), name);
  return {
    child,
    ask: async () => {
      const answer = lineOf(
        child,
        (line) =>
          line.startsWith('{"report"') ? (JSON.parse(line) as { report: Report }).report : undefined,
        name,
      );
      child.signal('SIGUSR2');
      return answer;
    },
  };
};
const assistants = (count: number) => Array.from({ length: count }, (_, i) => `ast_${i + 1}`);
/** Waits until every signer holds exactly the keys in force upstream. */
const untilAllHold = async (signers: Signer[], ids: string[]): Promise<void> => {
  const truth = await keysInForce(system, ids);
  for (const signer of signers) {
    const { keys } = await eventually(
      () => signer.ask(),
      (report) => report.upToDate && ids.every((id) => report.keys[id] === truth[id]),
      30_000,
    );
    expect(Object.fromEntries(ids.map((id) => [id, keys[id]]))).toEqual(truth);
  }
};

describe('services that sign', () => {
  it('sign validly except right after a rotation, and never with an older key after a new one', async () => {
    // Ten times Invent's request limit.
    system = await startSystem({
      simulator: ['--assistants', '1000'],
      worker: { INVENT_REQUESTS_PER_MINUTE: '5000' },
    });
    const ids = assistants(1000);
    const { id: sweepId } = await system.client.createSweep();
    await eventually(
      () => system.client.getSweep(sweepId),
      ({ state }) => state === 'SUCCEEDED',
      60_000,
    );
    const signers = await Promise.all(
      CONSUMERS.map(async (name) => startSigner(name, await register(name), 500)),
    );
    const rotateAll = async (): Promise<Report[]> => {
      const { id } = await system.client.createBulkRotation({ orgId: 'org_demo', assistantIds: ids });
      await eventually(
        () => system.client.getBulkRotation(id),
        ({ state }) => state === 'COMPLETED',
        60_000,
      );
      await sleep(1000);
      return Promise.all(signers.map((signer) => signer.ask()));
    };
    // Once with new processes, which are slower for some seconds, and once with warm ones.
    for (const when of ['just started', 'running']) {
      const reports = await rotateAll();
      const results = reports.flatMap((report) => report.results);
      const between = results.filter(({ stale_ms: staleMs }) => staleMs! > 0).length;
      const share = ((100 * between) / results.length).toFixed(3);
      const longest = Math.max(...results.map(({ stale_ms: staleMs }) => staleMs ?? Infinity));
      process.stderr.write(
        `${when}: signed ${results.length} hashes, ${between} of them (${share} %) with the previous key, ` +
          `at most ${longest.toFixed(1)} ms after it was replaced\n`,
      );
      expect(results.length).toBeGreaterThan(5000);
      expect(results.filter(({ key, stale_ms: staleMs }) => key === null || staleMs! > WITHIN_MS)).toEqual(
        [],
      );
      expect(reports.map(({ wentBack }) => wentBack)).toEqual([0, 0, 0, 0]);
    }
    await untilAllHold(signers, ids);
  }, 180_000);

  it('hold exactly the keys in force after kills, stops, cuts and a trimmed stream', async () => {
    system = await startSystem({ simulator: ['--assistants', '60'], redis: { persistence: 'always' } });
    const ids = assistants(60);
    const rotateAll = () => Promise.all(ids.map((id) => system.rotateAndWait(id)));
    await rotateAll();
    const keyFile = await register('billing');
    const proxy = await proxyTo(system.redisServer.url);
    closers.push(() => proxy.close());
    const [steady, cut] = [
      await startSigner('billing', keyFile),
      await startSigner('billing', keyFile, 0, proxy.url),
    ];
    await untilAllHold([steady, cut], ids);

    cut.child.signal('SIGSTOP');
    await rotateAll();
    cut.child.signal('SIGCONT');
    await untilAllHold([steady, cut], ids);

    proxy.stall(true);
    await rotateAll();
    proxy.cut();
    proxy.stall(false);
    await untilAllHold([steady, cut], ids);

    const reborn = await startSigner('billing', keyFile);
    await reborn.child.kill();
    await rotateAll();
    await untilAllHold([steady, await startSigner('billing', keyFile)], ids);

    cut.child.signal('SIGSTOP');
    await rotateAll();
    await system.redis.xtrim('{rekey}:events', 'MAXLEN', 1);
    cut.child.signal('SIGCONT');
    await untilAllHold([steady, cut], ids);

    await system.redisServer.kill();
    await system.redisServer.restart();
    await eventually(
      () =>
        rotateAll().then(
          () => true,
          () => false,
        ),
      (done) => done,
      60_000,
    );
    await untilAllHold([steady, cut], ids);
    // The killed instances are gone. The others are live and have all keys.
    const consumer = await eventually(
      () => system.client.getConsumer('billing'),
      ({ live, lagEvents }) => live && lagEvents === 0,
      30_000,
    );
    expect(consumer.instances.filter(({ live }) => live).length).toBeGreaterThanOrEqual(2);
  }, 180_000);
});
