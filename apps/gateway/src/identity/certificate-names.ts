import { X509Certificate } from 'node:crypto';
import { isPrincipalName, principalNames } from '@rekey/access';

/** `KIND:VALUE`, and a value with special characters as a JSON string, as Node writes them. */
const ENTRY = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/g;

const valueOf = (text: string): string => (text.startsWith('"') ? (JSON.parse(text) as string) : text);

/**
 * The names of a certificate that TLS has verified: its URIs and DNS names (RFC 5280, section 4.2.1.6), in
 * their order. A certificate without them names nobody; its subject is no name. Names with characters that
 * cannot be shown are left out.
 */
export const namesOfCertificate = (der: Buffer): string[] => {
  const { subjectAltName = '' } = new X509Certificate(der);
  return [...subjectAltName.matchAll(ENTRY)].flatMap(([, kind, text]) => {
    const value = valueOf(text!);
    if (!isPrincipalName(value)) return [];
    if (kind === 'URI') return [principalNames.uri(value)];
    return kind === 'DNS' ? [principalNames.dns(value)] : [];
  });
};
