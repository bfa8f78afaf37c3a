import type { Duplex } from 'node:stream';
import { Pool, buildConnector } from 'undici';
import type { Proxy } from './proxy.ts';
import { readAsIs, skipInformational } from './skip-informational.ts';

/**
 * The proxy did not open a tunnel to Invent: nothing was sent. `code` goes into the log and quotes nothing.
 */
class ProxyFailure extends Error {
  readonly code: string;
  constructor(what: string) {
    super(what);
    this.name = 'ProxyFailure';
    this.code = `proxy: ${what}`;
  }
}

interface Connector {
  connect: buildConnector.connector;
  close(): Promise<void>;
}

/**
 * Connects to Invent directly, or through a tunnel that the proxy opens (CONNECT), also for plain HTTP. A
 * proxy therefore never sees a request that it could repeat, and the rules for a written request hold behind
 * a proxy too. If the tunnel cannot be opened, nothing was sent.
 */
export const createConnector = ({
  timeoutMs,
  proxy,
}: {
  timeoutMs: number;
  proxy?: Proxy | undefined;
}): Connector => {
  const connectDirectly = buildConnector({ timeout: timeoutMs, allowH2: false });
  const done =
    (callback: buildConnector.Callback): buildConnector.Callback =>
    (...[error, socket]) =>
      error ? callback(error, null) : callback(null, skipInformational(socket!));
  if (!proxy)
    return {
      connect: (options, callback) => connectDirectly(options, done(callback)),
      close: async () => {},
    };

  const { origin, authorization } = proxy;
  const connectToProxy: buildConnector.connector = (options, callback) =>
    connectDirectly(options, done(callback));
  const pool = new Pool(origin, { allowH2: false, connect: connectToProxy, headersTimeout: timeoutMs });
  const openTunnel = async (path: string): Promise<Duplex> => {
    const headers = {
      host: path,
      ...(authorization !== undefined && { 'proxy-authorization': authorization }),
    };
    const { statusCode, socket } = await pool
      .connect({ path, headers })
      .catch((error: NodeJS.ErrnoException) => {
        throw new ProxyFailure(error.code ?? error.name);
      });
    if (statusCode >= 200 && statusCode < 300) return readAsIs(socket);
    socket.on('error', () => {}).destroy();
    throw new ProxyFailure(`HTTP ${statusCode}`);
  };
  return {
    connect: (options, callback) => {
      const port = options.port || (options.protocol === 'https:' ? '443' : '80');
      openTunnel(
        `${options.hostname.includes(':') ? `[${options.hostname}]` : options.hostname}:${port}`,
      ).then(
        (tunnel) => {
          if (options.protocol === 'https:')
            connectDirectly({ ...options, httpSocket: tunnel as never }, done(callback));
          else done(callback)(null, tunnel as never);
        },
        (error: Error) => callback(error, null),
      );
    },
    close: () => pool.destroy(),
  };
};
