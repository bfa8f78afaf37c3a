import { readlinkSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRecordingLogger, type LoggedEvent } from '@rekey/runtime';
import type { GivenConfig } from './config/read-config.ts';
import { readConfig } from './config/read-config.ts';
import { startAgent, type Agent, type AgentDeps } from './agent.ts';
import { createFakeKeys, type FakeKeys } from './keys-fixture.ts';

/** For specs: an agent over keys that the spec publishes, in a folder of its own. */
export interface AgentFixture {
  folder: string;
  keys: FakeKeys;
  agent: Agent;
  events: LoggedEvent[];
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
}

interface CallOptions {
  body?: string | object;
  headers?: OutgoingHttpHeaders;
  /** HOST:PORT in place of the socket. */
  at?: string;
}
interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  json: Record<string, unknown>;
}

const opened: (() => Promise<void>)[] = [];
export const closeAll = async (): Promise<void> => {
  for (const close of opened.splice(0).toReversed()) await close();
};

export const temporaryFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'agent-'));
  opened.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

/** The next call of this method for the open file of a path fails, as a disk or a file system does. */
export const failOnce = async (method: 'stat' | 'sync', path: string): Promise<void> => {
  const handle = await open('/');
  const handles = Object.getPrototypeOf(handle) as Record<typeof method, () => Promise<unknown>>;
  await handle.close();
  const real = handles[method];
  const restore = async (): Promise<void> => {
    handles[method] = real;
  };
  opened.push(restore);
  handles[method] = async function (this: typeof handle) {
    if (readlinkSync(`/proc/self/fd/${this.fd}`) !== path) return real.call(this);
    await restore();
    throw Object.assign(new Error('EIO'), { code: 'EIO' });
  };
};

type Given = GivenConfig & { http?: object };

/** `configure` gets the folder. A socket `s.sock` in it is served unless `http` says otherwise. */
export const begin = async (
  configure: (folder: string) => Given = () => ({}),
  { keys = createFakeKeys(), ...deps }: Partial<AgentDeps> & { keys?: FakeKeys } = {},
): Promise<AgentFixture> => {
  const folder = await temporaryFolder();
  const { http, ...given } = configure(folder);
  const { logger, logged: events } = createRecordingLogger();
  const config = readConfig(undefined, {
    consumer: 'billing',
    key_file: join(folder, 'billing.json'),
    debounce: '20ms',
    http: { socket: { path: join(folder, 's.sock') }, ...http },
    ...given,
  });
  const agent = await startAgent(config, { logger, env: {}, follow: keys.follow, ...deps });
  opened.push(() => agent.close());
  const call: AgentFixture['call'] = (method, path, options) =>
    send(join(folder, 's.sock'), method, path, options);
  return { folder, keys, agent, events, call };
};

export const send = (
  socketPath: string,
  method: string,
  path: string,
  { body, headers = {}, at }: CallOptions = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const text = typeof body === 'object' ? JSON.stringify(body) : body;
    const place =
      at === undefined ? { socketPath } : { host: at.split(':')[0], port: Number(at.split(':')[1]) };
    const request = httpRequest({ ...place, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const answer = Buffer.concat(chunks).toString();
        let json: Record<string, unknown> = {};
        try {
          json = JSON.parse(answer) as Record<string, unknown>;
        } catch {
          // Not JSON.
        }
        resolve({ status: response.statusCode!, headers: response.headers, text: answer, json });
      });
    });
    request.on('error', reject);
    request.end(text);
  });

/** Resolves when a condition holds. */
export const until = async (holds: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  const deadline = performance.now() + 10_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

export const reasonOf = ({ status, json }: Answer): [number, unknown] => [
  status,
  (json['error'] as { reason?: unknown } | undefined)?.reason,
];
