import type { Variable } from './variable.ts';

const DOCTOR = ['`rekey doctor`'] as const;
const CLI = ['`rekey`'] as const;

export const gatewayVariables: Record<string, Variable> = {
  GRPC_ADDRESS: {
    also: CLI,
    meaning: `
        the gateway listens on it, and \`rekey\` connects to it. Without a value, \`npm start\` takes a
        free port if 50051 is in use; port \`0\` always takes a free one
      `,
  },
  GRPC_TLS_CERT_FILE: {
    meaning: `
        the path of the gateway's certificate, in PEM, followed by those of its issuers. With it and
        \`GRPC_TLS_KEY_FILE\`, the gateway serves TLS alone: [TLS](../guides/operate.md#tls)
      `,
  },
  GRPC_TLS_KEY_FILE: {
    meaning: `
        the path of its private key, in PEM, without a passphrase and [readable by its owner
        only](../guides/operate.md#files-with-secrets)
      `,
  },
  GRPC_CLIENT_CA_FILE: {
    meaning: `
        the path of the authorities of client certificates, in PEM. With it, every connection needs a
        certificate of one of them
      `,
  },
  GRPC_MAX_CONNECTION_AGE_MS: {
    meaning: `
        with TLS: how old a connection may become before its client has to make a new one, about 10 % more or
        less. Its open calls may go on for ten more minutes
      `,
  },
  REKEY_TLS: {
    also: CLI,
    default: '`false`',
    meaning: '`true`: TLS to the gateway, with the authorities that Node trusts',
  },
  REKEY_TLS_CA_FILE: {
    also: CLI,
    meaning: "TLS to the gateway; the path of the authorities of the gateway's certificate, in PEM",
  },
  REKEY_TLS_CERT_FILE: { also: CLI, meaning: 'the path of your certificate, in PEM, for the gateway' },
  REKEY_TLS_KEY_FILE: { also: CLI, meaning: 'the path of its private key, in PEM' },
  REKEY_TLS_SERVER_NAME: {
    also: CLI,
    default: 'the host',
    meaning: "the name in the gateway's certificate, if it is not the host of the address",
  },
  REKEY_TOKEN_FILE: {
    also: CLI,
    meaning: 'the path of your token for the gateway: [who may do what](../guides/access.md)',
  },
  REKEY_PROFILE: {
    also: CLI,
    meaning: '[the profile](../guides/cli.md#profiles) of `rekey`; `start` is a running `npm start`',
  },
  REKEY_ACCESS_FILE: {
    meaning: `
      the path of the file that says [who may do what](../guides/access.md), in YAML; read again when it
      changes. Without it, a gateway on loopback lets everybody do everything, and one beyond loopback does
      not start
    `,
  },
  REKEY_ALLOW_PLAINTEXT: {
    meaning: `
      \`true\`: serve plain text beyond loopback, behind a mesh that encrypts. Tokens are then accepted in the
      clear
    `,
  },
  REKEY_GATEWAY_KEY_FILE: {
    also: DOCTOR,
    meaning: `
        the path of the key file of the gateway, made by \`rekey key-file gateway\` and [readable by its owner
        only](../guides/operate.md#files-with-secrets). Without it, the gateway serves everything but
        consumers. \`npm start\` creates \`.rekey/gateway-key.json\`
      `,
  },
  GATEWAY_MAX_CONNECTIONS: {
    meaning: `
        open connections. Beyond it, the connection that has been without a call for the longest time is
        closed: [limits](limits.md#gateway)
      `,
  },
  GATEWAY_MAX_CONNECTION_CALLS: {
    meaning: 'open calls of one connection; further calls of its client wait in the client',
  },
  GATEWAY_MAX_CALLS: { meaning: 'open calls that neither wait nor stream' },
  GATEWAY_MAX_WAITS: {
    meaning:
      'open calls of `WaitRotation`, 9 kB of memory each; the gateway answers others only if the rotation ' +
      'has ended, and tells them when to come back: [limits](limits.md#gateway)',
  },
  GATEWAY_MAX_WATCHES: {
    meaning: 'open calls that stream responses, such as `WatchBulkRotation`, 10 kB of memory each',
  },
  GATEWAY_MAX_UPLOADS: {
    meaning: 'open calls that stream requests: `CreateBulkRotation`, `CreateRotationPolicy`',
  },
  GATEWAY_MAX_CALLER_CALLS_PER_SECOND: {
    meaning: 'with an access file: calls of one caller a second, five times as many at once',
  },
  GATEWAY_CALLER_SHARE_PERCENT: {
    meaning:
      'with an access file: how much of the waits, watches, uploads, their ids, and reflection one caller ' +
      'may take, in percent',
  },
  GATEWAY_ADDRESS_SHARE_PERCENT: {
    meaning:
      'with an access file: how much of the connections one address may take, in percent, without those ' +
      'whose callers are known',
  },
  GATEWAY_MAX_FAILED_AUTHENTICATIONS_PER_SECOND: {
    meaning:
      'with an access file: calls of one address a second that name nobody, five times as many at once',
  },
};
