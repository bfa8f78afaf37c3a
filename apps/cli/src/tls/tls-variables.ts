/** The variables that the options override. */
export const TLS_VARIABLES = {
  tls: 'REKEY_TLS',
  tlsCa: 'REKEY_TLS_CA_FILE',
  tlsCert: 'REKEY_TLS_CERT_FILE',
  tlsKey: 'REKEY_TLS_KEY_FILE',
  tlsServerName: 'REKEY_TLS_SERVER_NAME',
  tokenFile: 'REKEY_TOKEN_FILE',
} as const;
