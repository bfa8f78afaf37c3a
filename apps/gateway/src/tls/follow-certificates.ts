import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import { createSettling, follow } from '../shared/follow.ts';
import {
  CertificateError,
  type CertificateFiles,
  type Certificates,
  readCertificates,
} from './read-certificates.ts';

type CertificateProvider = Parameters<typeof experimental.createCertificateProviderServerCredentials>[0];

export interface CertificateState {
  notAfterMs: number;
  endsSoonMs: number;
  refusedSinceMs: number | undefined;
}

export interface FollowedCertificates {
  /** The credentials of the server: they use new certificates for new connections. */
  readonly credentials: ServerCredentials;
  /** Those in use, and since when newer files are refused, in ms since 1970. */
  state(): CertificateState;
  close(): void;
}

interface FollowOptions {
  everyMs?: number;
  /** Clients may come without a certificate: something else asks who they are. */
  optional?: boolean;
  onLoaded: (certificates: Certificates) => void;
  /** Called once for each different complaint. */
  onRefused: (error: CertificateError) => void;
}

/** Gives its listeners the certificates in use. */
const createProvider = <Update>(of: (certificates: Certificates) => Update) => {
  const listeners = new Set<(update: Update | null) => void>();
  let last: Update | null = null;
  return {
    add: (listener: (update: Update | null) => void) => {
      listeners.add(listener);
      // At once it would come too early: grpc-js passes on only what it learns after it has added itself.
      queueMicrotask(() => listeners.has(listener) && listener(last));
    },
    remove: (listener: (update: Update | null) => void) => void listeners.delete(listener),
    use: (certificates: Certificates) => {
      last = of(certificates);
      for (const listener of listeners) listener(last);
    },
  };
};
const isSame = (a: Certificates, b: Certificates): boolean =>
  a.certificate.equals(b.certificate) &&
  a.privateKey.equals(b.privateKey) &&
  (a.clientAuthorities?.equals(b.clientAuthorities ?? Buffer.alloc(0)) ?? true);

const pathsOf = (files: CertificateFiles): string[] =>
  [files.GRPC_TLS_CERT_FILE, files.GRPC_TLS_KEY_FILE, files.GRPC_CLIENT_CA_FILE].filter(
    (path) => path !== undefined,
  );

/**
 * Serves the certificates of files, and looks again and again whether they were replaced. What cannot be
 * served, such as a certificate whose key has not been written yet, leaves those before in use: grpc-js's own
 * watcher of files would end every new connection meanwhile. Throws a CertificateError if the first ones
 * cannot be served.
 */
export const followCertificates = (
  files: CertificateFiles,
  { everyMs, optional = false, onLoaded, onRefused }: FollowOptions,
): FollowedCertificates => {
  const identity = createProvider(({ certificate, privateKey }) => ({ certificate, privateKey }));
  const authorities = createProvider(({ clientAuthorities }) => ({
    caCertificate: clientAuthorities ?? Buffer.alloc(0),
  }));
  let current: Certificates | undefined;

  const isSettled = createSettling(isSame);
  const look = (): boolean => {
    const certificates = readCertificates(files);
    const isWhole = isSettled(certificates);
    if (current !== undefined && isSame(certificates, current)) return true;
    if (current !== undefined && !isWhole) return false;
    current = certificates;
    authorities.use(certificates);
    identity.use(certificates);
    onLoaded(certificates);
    return true;
  };
  const refusalOf = (thrown: unknown): CertificateError =>
    thrown instanceof CertificateError
      ? thrown
      : new CertificateError('GRPC_TLS_CERT_FILE', 'cannot be used', thrown);
  const { refusedSinceMs, close } = follow({ everyMs, look, refusalOf, paths: pathsOf(files), onRefused });

  const provider: CertificateProvider = {
    addCaCertificateListener: authorities.add,
    removeCaCertificateListener: authorities.remove,
    addIdentityCertificateListener: identity.add,
    removeIdentityCertificateListener: identity.remove,
  };
  return {
    // Whatever the types call its parameters, the first gives the identity.
    credentials: experimental.createCertificateProviderServerCredentials(
      provider,
      files.GRPC_CLIENT_CA_FILE === undefined ? null : provider,
      files.GRPC_CLIENT_CA_FILE !== undefined && !optional,
    ),
    state: () => {
      const { notAfterMs, endsSoonMs } = current!;
      return { notAfterMs, endsSoonMs, refusedSinceMs: refusedSinceMs() };
    },
    close,
  };
};
