import { X509Certificate, createPrivateKey, type KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { readSecretFile, readTextFile } from '@rekey/schema';
import { readTrustedFile } from '../access/read-trusted-file.ts';

/** The variables of the files, as an operator sets them. */
export interface CertificateFiles {
  GRPC_TLS_CERT_FILE: string;
  GRPC_TLS_KEY_FILE: string;
  /** The authorities of client certificates; without them, clients show none. */
  GRPC_CLIENT_CA_FILE?: string | undefined;
  /** The owners and readers of mounted files are accepted. */
  mounted: boolean;
}

/** What the files hold: certificates that fit their key and are valid now. */
export interface Certificates {
  /** The certificate and those of its issuers, in PEM. */
  certificate: Buffer;
  privateKey: Buffer;
  clientAuthorities: Buffer | undefined;
  /** When the first of them expires, in ms since 1970: the certificate or one of its issuers. */
  notAfterMs: number;
  /** From when on that is soon. */
  endsSoonMs: number;
  /** SHA-256 of the certificate, as `openssl x509 -fingerprint` prints it. */
  fingerprint: string;
}

type FileVariable = Exclude<keyof CertificateFiles, 'mounted'>;

/** Why files cannot be used. The message names the variable, and quotes neither paths nor contents. */
export class CertificateError extends Error {
  readonly variable: FileVariable;
  constructor(variable: FileVariable, complaint: string, cause?: unknown) {
    super(`${variable}: the file ${complaint}`, { cause });
    this.name = 'CertificateError';
    this.variable = variable;
  }
}

const BEGIN = '-----BEGIN CERTIFICATE-----';
const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

const guarded = <T>(variable: FileVariable, read: () => T): T => {
  try {
    return read();
  } catch (error) {
    throw new CertificateError(variable, (error as Error).message, error);
  }
};

/** All certificates of a PEM text, in their order. */
const parse = (variable: FileVariable, pem: string): X509Certificate[] => {
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length === 0 || blocks.length !== pem.split(BEGIN).length - 1)
    throw new CertificateError(variable, 'holds no whole PEM certificate, or only a part of one');
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new CertificateError(variable, `holds a certificate that cannot be read: number ${i + 1}`, cause);
    }
  });
};

const parseKey = (pem: string): KeyObject => {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    const why = /ENCRYPTED/.test(pem)
      ? 'holds a private key that is encrypted with a passphrase; store it without'
      : 'holds no PEM private key';
    throw new CertificateError('GRPC_TLS_KEY_FILE', why, cause);
  }
};

/** Whoever renews certificates by themselves does so with a third of their time left. */
const SOON_SHARE = 0.2;
const SOON_MS = 14 * 24 * 3_600_000;

type Dates = Pick<Certificates, 'notAfterMs' | 'endsSoonMs'>;

/** Throws if a certificate is not valid at this moment. */
const checkDates = (chain: readonly X509Certificate[], nowMs: number): Dates => {
  for (const { validFromDate, validToDate } of chain) {
    if (validToDate.getTime() <= nowMs)
      throw new CertificateError(
        'GRPC_TLS_CERT_FILE',
        `holds a certificate that expired at ${validToDate.toISOString()}`,
      );
    if (validFromDate.getTime() > nowMs)
      throw new CertificateError(
        'GRPC_TLS_CERT_FILE',
        `holds a certificate that is not valid before ${validFromDate.toISOString()}`,
      );
  }
  const spans = chain.map((one) => [one.validFromDate.getTime(), one.validToDate.getTime()] as const);
  return {
    notAfterMs: Math.min(...spans.map(([, to]) => to)),
    endsSoonMs: Math.min(
      ...spans.map(([from, to]) => to - Math.min(SOON_MS, Math.round((to - from) * SOON_SHARE))),
    ),
  };
};

/**
 * Reads the files, and checks that they can be served: the certificates are whole, valid now, and the first
 * is that of the key. Throws a CertificateError. Files that are being replaced may fail this for a moment.
 */
export const readCertificates = (files: CertificateFiles, nowMs = Date.now()): Certificates => {
  const pem = guarded('GRPC_TLS_CERT_FILE', () => readTextFile(files.GRPC_TLS_CERT_FILE));
  const keyPem = guarded(
    'GRPC_TLS_KEY_FILE',
    () => readSecretFile(files.GRPC_TLS_KEY_FILE, { mounted: files.mounted }).text,
  );
  const chain = parse('GRPC_TLS_CERT_FILE', pem);
  const dates = checkDates(chain, nowMs);
  const own = chain[0]!;
  if (!own.checkPrivateKey(parseKey(keyPem)))
    throw new CertificateError(
      'GRPC_TLS_KEY_FILE',
      'holds the private key of another certificate than GRPC_TLS_CERT_FILE; both must be replaced together',
    );
  const certificates = {
    certificate: Buffer.from(pem),
    privateKey: Buffer.from(keyPem),
    clientAuthorities: readAuthorities(files.GRPC_CLIENT_CA_FILE),
    ...dates,
    fingerprint: own.fingerprint256,
  };
  checkServable(certificates);
  return certificates;
};

/** OpenSSL refuses more, such as short keys. grpc-js would log it, and then end every new connection. */
const checkServable = ({ certificate, privateKey, clientAuthorities }: Certificates): void => {
  try {
    createSecureContext({ cert: certificate, key: privateKey, ca: clientAuthorities });
  } catch (cause) {
    const { message } = cause as Error;
    throw new CertificateError(
      'GRPC_TLS_CERT_FILE',
      `holds a certificate that OpenSSL refuses: ${message}`,
      cause,
    );
  }
};

const readAuthorities = (path: string | undefined): Buffer | undefined => {
  if (path === undefined) return undefined;
  const pem = guarded('GRPC_CLIENT_CA_FILE', () => readTrustedFile(path));
  parse('GRPC_CLIENT_CA_FILE', pem);
  return Buffer.from(pem);
};
