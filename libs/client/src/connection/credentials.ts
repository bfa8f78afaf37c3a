import { credentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import { readTextFile } from '@rekey/schema';
import { isLoopback } from './channel.ts';

/** PEM text or bytes, or the path of a PEM file, which is read once, when the client is made. */
export type Pem = string | Uint8Array | { file: string };

export interface TlsOptions {
  /** The certificates that the gateway's must be signed by. Those that Node trusts where not given. */
  ca?: Pem;
  /** The client's own certificate chain, for mTLS. Goes with `key`. */
  cert?: Pem;
  /** The private key of `cert`. */
  key?: Pem;
  /** The name that the gateway's certificate must have, where it is not the host of the address. */
  serverName?: string;
}

/** The schemes of grpc-js that are no URLs of HTTP. */
const TARGETS = /^(?:dns|unix|unix-abstract|ipv4|ipv6|xds):/;

/**
 * Throws for an address that is none of a gateway, such as a URL: grpc-js would take it for a name, and wait
 * for it.
 */
export const refuseAddress = (address: string): void => {
  if (TARGETS.test(address) || (address !== '' && !/[\s/@]/.test(address))) return;
  throw new TypeError(
    'address must be HOST:PORT, such as gateway.internal:443 or 127.0.0.1:50051, without a scheme such as https:// and without a path',
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

/**
 * Null where it is not given. Checked here: of what is not PEM, OpenSSL makes an empty list that trusts
 * nobody.
 */
const pemOf = (name: string, pem: Pem | undefined): Buffer | null => {
  if (pem === undefined) return null;
  const bytes = bytesOf(name, pem);
  if (!bytes.includes('-----BEGIN '))
    throw new TypeError(`tls.${name} is not PEM; the path of a file goes into { file }`);
  return bytes;
};

/**
 * How a channel to an address is secured. Where nothing is said: plain text to loopback addresses, TLS to all
 * others.
 * Throws where a file cannot be read or is not PEM, or of `cert` and `key` only one is given.
 */
export const secure = (
  address: string,
  tls: boolean | TlsOptions = !isLoopback(address),
): { credentials: ChannelCredentials; channelOptions: ChannelOptions } => {
  if (tls === false) return { credentials: credentials.createInsecure(), channelOptions: {} };
  const { ca, cert, key, serverName } = tls === true ? ({} as TlsOptions) : tls;
  if ((cert === undefined) !== (key === undefined)) throw new TypeError('tls.cert and tls.key go together');
  return {
    credentials: credentials.createSsl(pemOf('ca', ca), pemOf('key', key), pemOf('cert', cert)),
    channelOptions:
      serverName === undefined
        ? {}
        : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName },
  };
};
