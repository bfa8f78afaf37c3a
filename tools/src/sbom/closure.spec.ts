import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { productionPackages, type LockFile } from './closure.ts';

const readLock = async (): Promise<LockFile> =>
  JSON.parse(await readFile(new URL('../../../package-lock.json', import.meta.url), 'utf8')) as LockFile;

describe('the packages of a production installation', () => {
  it('are what projects depend on, through others too, each at the version that npm finds', () => {
    const lock: LockFile = {
      packages: {
        'apps/a': { dependencies: { x: '*', '@rekey/b': '*' } },
        'libs/b': { dependencies: { y: '*' } },
        'node_modules/@rekey/b': { link: true, resolved: 'libs/b' },
        'libs/b/node_modules/y': { version: '2.0.0' },
        'node_modules/x': { version: '1.0.0', dependencies: { y: '*' } },
        'node_modules/y': { version: '1.0.0', dependencies: { x: '*' } },
        'node_modules/z': { version: '1.0.0' },
      },
    };
    expect(productionPackages(lock, ['apps/a'])).toEqual(new Set(['x@1.0.0', 'y@2.0.0', 'y@1.0.0']));
    delete lock.packages['node_modules/x'];
    expect(() => productionPackages(lock, ['apps/a'])).toThrow('no x for apps/a');
  });

  it('of the image have no tool in them', async () => {
    const names = [...productionPackages(await readLock(), ['apps/cli', 'apps/gateway', 'apps/worker'])].map(
      (one) => one.replace(/@[^@]+$/, ''),
    );
    expect(names).toEqual(expect.arrayContaining(['@grpc/grpc-js', 'bullmq', 'ioredis', 'undici', 'zod']));
    expect(names.filter((name) => /jest|^nx$|typescript|^@rekey/.test(name))).toEqual([]);
  });
});
