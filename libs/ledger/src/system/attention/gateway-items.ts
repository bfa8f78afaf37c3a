import type { Attention } from '@rekey/schema';
import type { SystemFacts } from './facts.ts';
import { dateText, each } from './items.ts';

/** A file that is being replaced may be refused for a moment. */
const REFUSED_FOR_MS = 60_000;

/** The files of each live gateway: who may connect to it, and who may do what. */
export const gatewayItems = ({ processes, nowMs }: SystemFacts): Attention[] => {
  const live = processes.filter((one) => one.live);
  const since = (
    read: (settings: (typeof live)[number]['settings']) => number | undefined,
    afterMs: number,
  ) =>
    live.flatMap(({ id, settings }) => {
      const sinceMs = read(settings);
      return sinceMs !== undefined && sinceMs + afterMs <= nowMs ? [{ subject: id, sinceMs, settings }] : [];
    });
  const ending = since(({ certificateEndsSoonMs }) => certificateEndsSoonMs, 0);
  const certificates = since(({ certificatesRefusedMs }) => certificatesRefusedMs, REFUSED_FOR_MS);
  const access = since(({ accessFileRefusedMs }) => accessFileRefusedMs, REFUSED_FOR_MS);
  return [
    ...each('CERTIFICATE_ENDS', ending, ({ subject, sinceMs, settings: { certificateEndsMs = nowMs } }) => ({
      subject,
      message:
        'The certificate of this gateway, or one of its issuers, ' +
        (certificateEndsMs <= nowMs
          ? `expired at ${dateText(certificateEndsMs)}: callers refuse new connections.`
          : `expires at ${dateText(certificateEndsMs)}. From then on, callers refuse new connections.`),
      advice:
        'Replace the files of GRPC_TLS_CERT_FILE and GRPC_TLS_KEY_FILE. ' +
        'The gateway takes them without a restart.',
      sinceMs,
    })),
    ...each('CERTIFICATES_REFUSED', certificates, ({ subject, sinceMs }) => ({
      subject,
      message: 'This gateway cannot serve its new certificate files, and serves those before.',
      advice: 'See tls_certificates_refused in its log, and correct the files.',
      sinceMs,
    })),
    ...each('ACCESS_FILE_REFUSED', access, ({ subject, sinceMs }) => ({
      subject,
      message:
        'This gateway cannot use its changed access file: the one before is in force, ' +
        'with the rights that it gives.',
      advice: 'Run rekey access check FILE, and correct the file; see access_refused in its log.',
      sinceMs,
    })),
  ];
};
