import { credentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import { readTextFile } from '@rekey/schema';
import { isLoopback } from './channel.ts';

/** PEM text or bytes, or the path of a PEM file, which is read once, when the client is created. */
export type Pem = string | Uint8Array | { file: string };

export interface TlsOptions {
  /** Certificate authorities for the gateway's certificate. Default: those that Node trusts. */
  ca?: Pem;
  /** The client's own certificate chain, for mTLS. Goes with `key`. */
  cert?: Pem;
  /** The private key of `cert`. */
  key?: Pem;
  /** The name in the gateway's certificate, if it is not the host of the address. */
  serverName?: string;
}

/** The target schemes of grpc-js. */
const TARGETS = /^(?:dns|unix|unix-abstract|ipv4|ipv6|xds):/;

/** Throws for an invalid address, such as a URL: grpc-js would try to resolve it as a name, and wait. */
export const refuseAddress = (address: string): void => {
  if (TARGETS.test(address) || (address !== '' && !/[\s/@]/.test(address))) return;
  throw new TypeError(
    'address must be HOST:PORT, such as gateway.internal:443 or 127.0.0.1:50051, ' +
      'without a scheme such as https:// and without a path',
  );
};

const bytesOf = (name: string, pem: Pem): Buffer => {
  if (typeof pem === 'string') return Buffer.from(pem);
  if (pem instanceof Uint8Array) return Buffer.from(pem);
  try {
    return Buffer.from(readTextFile(pem.file));
  } catch (error) {
    throw new TypeError(`tls.${name}: the file ${JSON.stringify(pem.file)} ${(error as Error).message}`, {
      cause: error,
    });
  }
};

/** Null if absent. Checked here: OpenSSL turns text that is not PEM into an empty list of authorities. */
const pemOf = (name: string, pem: Pem | undefined): Buffer | null => {
  if (pem === undefined) return null;
  const bytes = bytesOf(name, pem);
  if (!bytes.includes('-----BEGIN '))
    throw new TypeError(`tls.${name} is not PEM; to pass the path of a file, use { file }`);
  return bytes;
};

/**
 * The credentials of a channel. Default: plain text to loopback addresses, TLS to all others. Throws if a
 * file cannot be read or is not PEM, or if only one of `cert` and `key` is given.
 */
export const secure = (
  address: string,
  tls: boolean | TlsOptions = !isLoopback(address),
): { credentials: ChannelCredentials; channelOptions: ChannelOptions } => {
  if (tls === false) return { credentials: credentials.createInsecure(), channelOptions: {} };
  const { ca, cert, key, serverName } = tls === true ? ({} as TlsOptions) : tls;
  if ((cert === undefined) !== (key === undefined))
    throw new TypeError('tls.cert and tls.key must be given together');
  return {
    credentials: credentials.createSsl(pemOf('ca', ca), pemOf('key', key), pemOf('cert', cert)),
    channelOptions:
      serverName === undefined
        ? {}
        : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName },
  };
};
