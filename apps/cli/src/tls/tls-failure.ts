/** What a failed connection says about TLS, from what OpenSSL and Node say. */
const FAILURES: readonly (readonly [RegExp, string])[] = [
  [/certificate required/, 'it asks for your certificate: give --tls-cert and --tls-key'],
  [
    /self-signed|unable to (?:verify|get)|unknown ca/i,
    'an authority is not trusted: give --tls-ca, or a certificate that the gateway trusts',
  ],
  [/altnames/, 'its certificate is for other names: use one of them in --gateway, or give --tls-server-name'],
  [/expired/, 'a certificate has expired: renew it'],
  [
    /wrong version number/,
    'it serves plain text: leave out --tls and its kind, and unset REKEY_TLS and its kind',
  ],
  [/SSL routines|certificate/i, 'its TLS and the given certificates do not fit'],
];

/** Why TLS failed, from the text of a failed call; undefined if it says nothing of TLS. */
export const tlsFailure = (details: string): string | undefined =>
  FAILURES.find(([pattern]) => pattern.test(details))?.[1];
