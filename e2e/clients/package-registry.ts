import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '@rekey/testing';

const run = promisify(execFile);

/**
 * Starts a registry of the packages that are installed here, each at its installed version. With it, an
 * `npm install` from a document works without the network.
 */
export const startPackageRegistry = async (): Promise<{ url: string; close(): void }> => {
  const server = createServer((request, response) => {
    const [name = '', tarball] = decodeURIComponent(request.url ?? '/')
      .slice(1)
      .split('/-/');
    const folder = join(repositoryRoot, 'node_modules', name);
    const answer = async () => {
      if (tarball !== undefined) {
        const { stdout } = await run(
          'tar',
          ['-czf', '-', '--exclude=./node_modules', '--transform=s,^\\.,package,', '-C', folder, '.'],
          { encoding: 'buffer', maxBuffer: 64 * 1024 * 1024 },
        );
        return response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(stdout);
      }
      const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
        version: string;
      };
      const dist = { tarball: `${url}/${name}/-/package.tgz` };
      const versions = { [manifest.version]: { ...manifest, dist } };
      return response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ name, 'dist-tags': { latest: manifest.version }, versions }));
    };
    answer().catch(() =>
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}'),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};
