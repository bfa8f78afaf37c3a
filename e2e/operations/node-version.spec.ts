import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { baseEnvironment, findNode, repositoryRoot, resultOf, startChild } from '@rekey/testing';
import { startSystem, type System } from '../support/system.ts';

/* Built packages run on the Node version that their package.json claims, and name it on an older one. */

let oldest: string;
let system: System;
beforeAll(async () => {
  [oldest, system] = await Promise.all([findNode('20.16.0'), startSystem()]);
  const apps = ['--conditions=@rekey/source', 'tools/src/programs/main.ts', '--apps'];
  for (const args of [['node_modules/typescript/bin/tsc', '--build'], apps]) {
    const built = await result(process.execPath, args);
    if (built.code !== 0) throw new Error(built.out + built.err);
  }
});
afterAll(() => system.stop());

const result = async (command: string, args: string[], env: Record<string, string> = {}) => {
  const child = startChild(command, args, {
    cwd: repositoryRoot,
    env: { ...baseEnvironment(), ...env },
  });
  return resultOf(child);
};

describe('a Node that is too old', () => {
  it.each([
    ['the built gateway', ['apps/gateway/dist/main.js']],
    ['the built worker', ['apps/worker/dist/main.js']],
    ['the built simulator', ['apps/simulator/dist/main.js']],
    ['the built rekey', ['apps/cli/dist/main.js', 'status']],
    ['rekey', ['apps/cli/rekey.js', 'status']],
    ...['start', 'gateway', 'worker', 'simulator'].map((name): [string, string[]] => [
      `npm run ${name}, on a machine without the Node of node_modules`,
      ['npm', name],
    ]),
  ])('is named, with advice: %s', async (_what, args) => {
    const { scripts } = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const words =
      args[0] === 'npm'
        ? scripts[args[1]!]!.replace(/^(REKEY_FOLLOW_PARENT=1 )?exec node /, '').split(' ')
        : args;
    const { code, out, err } = await result(oldest, words);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(
      /^Rekey needs Node 24 or newer; this is Node 20\.\d+\.\d+\. .*node_modules\/\.bin\/node.*\n$/,
    );
  });
});

describe('the client on the oldest Node that it claims', () => {
  it('rotates, streams ids, and follows a bulk rotation', async () => {
    const program = `
      import { createRekeyClient } from '@rekey/client';
      const rekey = createRekeyClient({ address: process.env.GRPC_ADDRESS });
      const rotated = await rekey.rotateAndWait({ orgId: 'org_demo', assistantId: 'ast_1' });
      const assistantIds = () => ['ast_2', 'ast_3'];
      const bulk = await rekey.createBulkRotation({ orgId: 'org_demo', assistantIds });
      let last;
      for await (const now of rekey.watchBulkRotation(bulk.id)) last = now;
      const { state, counts } = last;
      const result = { rotated: rotated.state, bulk: state, done: counts.succeeded };
      console.log(JSON.stringify({ node: process.version, ...result }));
      rekey.close();
    `;
    const { code, out, err } = await result(oldest, ['--input-type=module', '-e', program], {
      GRPC_ADDRESS: system.gateway.ready['address']!,
    });
    expect([code, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toMatchObject({
      node: expect.stringMatching(/^v20\./),
      rotated: 'SUCCEEDED',
      bulk: 'COMPLETED',
    });
  });
});
