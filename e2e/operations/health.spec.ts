import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { App } from '@rekey/testing';
import { askInspector } from '../floods/inspector.ts';
import { eventually, startSystem, type System } from '../support/system.ts';
import { useFolder } from '../support/temporary-folder.ts';

/* `.ci/check` also runs this spec with the apps as `npm run build` builds them. */

const folder = useFolder('health');
const inspected = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };
let system: System;
let worker: App;
beforeAll(async () => {
  system = await startSystem({
    worker: false,
    gateway: { GATEWAY_HEALTH_ADDRESS: '127.0.0.1:0', ...inspected },
  });
  worker = await system.startWorker({ WORKER_HEALTH_ADDRESS: '127.0.0.1:0', ...inspected });
});
afterAll(() => system?.stop());

const get = async (address: string, path: string): Promise<[number, string]> => {
  const response = await fetch(`http://${address}${path}`);
  return [response.status, await response.text()];
};
/** Blocks the event loop of a program until a file exists. */
const block = (app: App, path: string): Promise<void> =>
  askInspector(app, 'Runtime.evaluate', {
    expression:
      "{ const { existsSync } = process.getBuiltinModule('node:fs');" +
      'const nothing = new Int32Array(new SharedArrayBuffer(4));' +
      `while (!existsSync(${JSON.stringify(path)})) Atomics.wait(nothing, 0, 0, 20); }`,
  });

describe('the health address of a gateway and of a worker', () => {
  it('answers while their event loops are blocked, and says that they are', async () => {
    const [ofGateway, ofWorker] = [system.gateway.ready['health_address']!, worker.ready['address']!];
    const both = (path: string) => Promise.all([get(ofGateway, path), get(ofWorker, path)]);
    const codes = async () => (await both('/healthz')).map(([code]) => code);
    expect(await eventually(codes, (found) => found.every((code) => code === 200))).toEqual([200, 200]);
    const free = join(folder(), 'free');
    const blocked = Promise.all([block(system.gateway, free), block(worker, free)]);
    const metrics = both('/metrics').then((answers) => answers.map(([code]) => code));
    const held = /^NOT_SERVING: the event loop of the process has been held up for \d+ s\n$/;
    const reasons = async () => (await both('/healthz')).map(([, text]) => text);
    const found = await eventually(reasons, (texts) => texts.every((text) => held.test(text)));
    expect(found).toEqual([expect.stringMatching(held), expect.stringMatching(held)]);
    await writeFile(free, '');
    await blocked;
    expect(await eventually(codes, (now) => now.every((code) => code === 200))).toEqual([200, 200]);
    expect(await metrics).toEqual([200, 200]);
  });
});
