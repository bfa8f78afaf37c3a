import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { baseEnvironment, type Child, freePort, lineOf, repositoryRoot, startChild } from '@rekey/testing';
import { keysInForce } from '../../support/invariants.ts';
import { startRekey } from '../../support/rekey.ts';
import { connect, eventually, proxyTo, startSystem, type System } from '../../support/system.ts';
import { signingTransports, type SigningTransport } from './signing-transports.ts';

const CONSUMERS = ['billing', 'chat', 'crm', 'shop'];
/**
 * How long after a rotation hashes may still be made with the previous key. Set REKEY_SIGNING_WITHIN_MS=50 on
 * an idle machine; a busy one needs more.
 */
const WITHIN_MS = Number(process.env['REKEY_SIGNING_WITHIN_MS'] ?? 3000);
/** After this time without news, a service is told that its keys are stale. */
const STALE_AFTER_MS = 1000;

/** The report of a signing process. */
interface Report {
  keys: Record<string, string>;
  upToDate: boolean;
  signed: number;
  failed: number;
  wentBack: number;
  results: { key: number | null; stale_ms: number | null; fresh: boolean }[];
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
  transport: SigningTransport,
  name: string,
  keyFile: string,
  { perSecond = 0, url = transport.target(system) } = {},
): Promise<Signer> => {
  const opened = await transport.open(url, { name, keyFile }, system);
  closers.push(async () => opened.close?.());
  const child = startChild(
    process.execPath,
    ['--conditions=@rekey/source', join(repositoryRoot, 'e2e/consumers/signing/signing-process.ts')],
    {
      env: {
        ...baseEnvironment(),
        ...opened.env,
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
/** Waits until every signer holds exactly the keys in force upstream. Adds what they report to `reports`. */
const untilAllHold = async (signers: Signer[], ids: string[], reports: Report[] = []): Promise<void> => {
  const truth = await keysInForce(system, ids);
  for (const signer of signers) {
    const { keys } = await eventually(
      async () => {
        const report = await signer.ask();
        reports.push(report);
        return report;
      },
      (report) => report.upToDate && ids.every((id) => report.keys[id] === truth[id]),
      60_000,
    );
    expect(Object.fromEntries(ids.map((id) => [id, keys[id]]))).toEqual(truth);
  }
};
/** Redis, the worker or the gateway may not be back yet. */
const untilRotated = (rotate: () => Promise<unknown>): Promise<boolean> =>
  eventually(
    () =>
      rotate().then(
        () => true,
        () => false,
      ),
    (done) => done,
    60_000,
  );

/** No hash was made with a dead key by a service that was told that its keys are up to date. */
const silentlyStale = (reports: readonly Report[]): Report['results'] =>
  reports.flatMap(({ results }) =>
    results.filter(
      ({ fresh, key, stale_ms: staleMs }) => fresh && (key === null || staleMs! > STALE_AFTER_MS + WITHIN_MS),
    ),
  );

const transports: [string, SigningTransport][] = Object.entries(signingTransports);

describe.each(transports)('services that sign, with keys over %s', (_name, transport: SigningTransport) => {
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
      CONSUMERS.map(async (name) => startSigner(transport, name, await register(name), { perSecond: 500 })),
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
  });

  it('hold exactly the keys in force after kills, stops, cuts and a trimmed stream', async () => {
    system = await startSystem({ simulator: ['--assistants', '60'], redis: { persistence: 'always' } });
    const ids = assistants(60);
    const rotateAll = () => Promise.all(ids.map((id) => system.rotateAndWait(id)));
    await rotateAll();
    const keyFile = await register('billing');
    const proxy = await proxyTo(transport.target(system));
    closers.push(() => proxy.close());
    const start = (more = {}) => startSigner(transport, 'billing', keyFile, { perSecond: 100, ...more });
    const [steady, cut] = [await start(), await start({ url: proxy.url })];
    const reports: Report[] = [];
    const untilBothHold = () => untilAllHold([steady, cut], ids, reports);
    await untilBothHold();

    cut.child.signal('SIGSTOP');
    await rotateAll();
    cut.child.signal('SIGCONT');
    await untilBothHold();

    proxy.stall(true);
    await rotateAll();
    proxy.cut();
    proxy.stall(false);
    await untilBothHold();

    const reborn = await start();
    await reborn.child.kill();
    await rotateAll();
    await untilAllHold([steady, await start()], ids, reports);

    cut.child.signal('SIGSTOP');
    await rotateAll();
    await system.redis.xtrim('{rekey}:events', 'MAXLEN', 1);
    cut.child.signal('SIGCONT');
    await untilBothHold();

    await system.redisServer.kill();
    await system.redisServer.restart();
    await untilRotated(rotateAll);
    await untilBothHold();
    expect(silentlyStale(reports)).toEqual([]);
    expect(reports.map(({ wentBack }) => wentBack)).toEqual(reports.map(() => 0));
    // The killed instances are gone. The others are live and have all keys.
    const consumer = await eventually(
      () => system.client.getConsumer('billing'),
      ({ live, lagEvents }) => live && lagEvents === 0,
      30_000,
    );
    expect(consumer.instances.filter(({ live }) => live).length).toBeGreaterThanOrEqual(2);
  });

  it('hold exactly the keys in force after the end of the gateway, and a restored Redis', async () => {
    const dir = join(folder, 'redis');
    await mkdir(dir);
    const GRPC_ADDRESS = `127.0.0.1:${await freePort()}`;
    system = await startSystem({
      simulator: ['--assistants', '60'],
      gateway: { GRPC_ADDRESS },
      worker: { REKEY_SWEEP_EVERY_MS: '600000' },
      redis: { persistence: 'always', dir },
    });
    const ids = assistants(60);
    const rotateAll = () => Promise.all(ids.map((id) => system.rotateAndWait(id)));
    await rotateAll();
    const keyFile = await register('billing');
    const start = () => startSigner(transport, 'billing', keyFile, { perSecond: 100 });
    const signers = [await start(), await start()];
    const reports: Report[] = [];
    await untilAllHold(signers, ids, reports);

    // Killed, and frozen for longer than keys stay fresh; the keys change meanwhile.
    await system.gateway.child.kill();
    const other = await system.startGateway();
    const client = connect(other.ready['address']!);
    closers.push(async () => client.close());
    const rotateBy = () =>
      Promise.all(ids.map((assistantId) => client.rotateAndWait({ orgId: 'org_demo', assistantId })));
    await rotateBy();
    await sleep(STALE_AFTER_MS);
    const second = await system.startGateway({ GRPC_ADDRESS });
    await untilAllHold(signers, ids, reports);
    second.child.signal('SIGSTOP');
    await rotateBy();
    await sleep(2 * STALE_AFTER_MS);
    second.child.signal('SIGCONT');
    await untilAllHold(signers, ids, reports);

    // Redis comes back with what it held before the last rotations.
    await system.redisServer.stop();
    await cp(dir, join(folder, 'backup'), { recursive: true });
    await system.redisServer.restart();
    await untilRotated(rotateBy);
    await untilAllHold(signers, ids, reports);
    await system.redisServer.kill();
    await rm(dir, { recursive: true });
    await cp(join(folder, 'backup'), dir, { recursive: true });
    await system.redisServer.restart();
    // The worker compares all keys with upstream, and publishes what differs.
    await untilAllHold(signers, ids, reports);
    expect(silentlyStale(reports)).toEqual([]);
  }, 240_000);
});
