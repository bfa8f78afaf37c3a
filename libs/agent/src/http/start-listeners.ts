import type { RequestListener } from 'node:http';
import { TextFileError, readSecretFile } from '@rekey/schema';
import { AgentError } from '../agent-error.ts';
import { accountNumber } from '../config/accounts.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import { sendJson } from './answer.ts';
import { bindSocket } from './bind-socket.ts';
import { loopbackGuard, socketGuard, type Guard } from './guard.ts';
import { listenOnLoopback, startServer, type Listener } from './start-server.ts';

export interface Listeners {
  all: readonly Listener[];
  /** Answers requests from now on; until then, each gets 503. */
  serve(handlerFor: (guard: Guard) => RequestListener): void;
  close(withinMs: number): Promise<void>;
}

const SHORTEST_TOKEN = 32;

/**
 * Listens before the keys are there: a second agent with the same socket is refused at once. Rejects with an
 * AgentError or a StartError.
 */
export const startListeners = async ({
  http,
  mounted_secrets: mounted,
}: Pick<AgentConfig, 'http' | 'mounted_secrets'>): Promise<Listeners> => {
  const all: Listener[] = [];
  const begin: ((handlerFor: (guard: Guard) => RequestListener) => void)[] = [];
  const add = async (
    guard: Guard,
    needsToken: boolean,
    listen: Parameters<typeof startServer>[2],
  ): Promise<void> => {
    let handler: RequestListener = (_request, response) =>
      sendJson(response, 503, STARTING, { 'retry-after': '1' });
    begin.push((handlerFor) => (handler = handlerFor(guard)));
    all.push(
      await startServer(
        (request, response) => void handler(request, response),
        { maxConnections: http!.max_connections, needsToken },
        listen,
      ),
    );
  };
  const close = async (withinMs: number): Promise<void> => {
    await Promise.all(all.map((listener) => listener.close(withinMs)));
  };
  try {
    if (http?.loopback) {
      const { token_file: file, address } = http.loopback;
      const guard = loopbackGuard(readToken(file, mounted), (socket) =>
        all.forEach((listener) => listener.prove(socket)),
      );
      await add(guard, true, (server) => listenOnLoopback(server, address));
    }
    if (http?.socket) {
      const { path, mode, group } = http.socket;
      const gid = group === undefined ? undefined : accountNumber('group', group);
      await add(socketGuard, false, async (server) => {
        await bindSocket(server, { path, mode, gid, mounted });
        return path;
      });
    }
  } catch (error) {
    await close(0);
    throw error;
  }
  return { all, serve: (handlerFor) => begin.forEach((start) => start(handlerFor)), close };
};

const STARTING = '{"error":{"reason":"STARTING","message":"the agent has no keys yet"}}';

export const readToken = (path: string, mounted: boolean): string => {
  let text: string;
  try {
    text = readSecretFile(path, { mounted, mountedBy: 'mounted_secrets: true' }).text.trim();
  } catch (error) {
    if (!(error instanceof TextFileError)) throw error;
    throw new AgentError('BAD_TOKEN_FILE', `http.loopback.token_file: the file ${error.message}`);
  }
  if (!/^[\x21-\x7e]+$/.test(text) || text.length < SHORTEST_TOKEN)
    throw new AgentError(
      'BAD_TOKEN_FILE',
      `http.loopback.token_file: the token must be at least ${SHORTEST_TOKEN} characters without spaces; ` +
        'make one with: openssl rand -hex 32',
    );
  return text;
};
