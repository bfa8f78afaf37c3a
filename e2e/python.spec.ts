import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '@rekey/testing';
import { startSystem, type System } from './system.ts';

/** The system's own Python: that is where Debian's packages are. */
const PYTHON = '/usr/bin/python3';
const available = (() => {
  try {
    execFileSync(PYTHON, ['-c', 'import grpc, grpc_tools, redis, jwcrypto'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
if (!available) console.warn('Skipped: examples/python needs python3-grpcio, python3-grpc-tools, python3-redis and python3-jwcrypto.');

const { skip } = describe;
const describeWhereAvailable = available ? describe : skip;

describeWhereAvailable('examples/python', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(() => system.stop());

  it('rotates a key, reads the event and opens it', async () => {
    const { stdout } = await promisify(execFile)(PYTHON, [join(repositoryRoot, 'examples/python/rotate_and_open.py'), 'org_demo', 'ast_1'], {
      env: { PATH: process.env['PATH'], REDIS_URL: system.redisServer.url, GRPC_ADDRESS: system.gateway.ready['address'], REKEY_KEY_FILE: system.keyFile },
    });
    const { opened } = JSON.parse(stdout);
    expect(opened).toMatchObject({ org_id: 'org_demo', assistant_id: 'ast_1' });
    expect(opened.assistant.secret_key).toBe(await system.trueKey('ast_1'));
  });
});
