import { StartError, type Logger, type Shutdown } from '@rekey/runtime';
import type { GatewayEnvironment } from '../config.ts';
import { followCertificates, type FollowedCertificates } from '../tls/follow-certificates.ts';
import { CertificateError } from '../tls/read-certificates.ts';

/** Undefined if none are configured: the gateway then serves plain text. */
export const startCertificates = (
  config: GatewayEnvironment,
  logger: Logger,
  shutdown: Shutdown,
): FollowedCertificates | undefined => {
  const { GRPC_TLS_CERT_FILE, GRPC_TLS_KEY_FILE, GRPC_CLIENT_CA_FILE } = config;
  if (GRPC_TLS_CERT_FILE === undefined || GRPC_TLS_KEY_FILE === undefined) return undefined;
  const files = { GRPC_TLS_CERT_FILE, GRPC_TLS_KEY_FILE, GRPC_CLIENT_CA_FILE };
  try {
    const certificates = followCertificates(
      { ...files, mounted: config.REKEY_MOUNTED_SECRETS },
      {
        // Who is nobody by the access file may do nothing.
        optional: config.REKEY_ACCESS_FILE !== undefined,
        onLoaded: ({ fingerprint, notAfterMs }) =>
          logger.event('tls_certificates_loaded', {
            fingerprint,
            not_after: new Date(notAfterMs).toISOString(),
          }),
        onRefused: (err) => logger.event('tls_certificates_refused', { err }),
      },
    );
    shutdown.defer('certificates', async () => certificates.close());
    return certificates;
  } catch (error) {
    if (error instanceof CertificateError) throw new StartError('CERTIFICATES_UNUSABLE', `${error.message}.`);
    throw error;
  }
};
