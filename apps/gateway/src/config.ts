import { isLoopbackHost } from '@rekey/schema';
import {
  addressVariable,
  booleanVariable,
  commonVariables,
  intVariable,
  registryVariables,
} from '@rekey/runtime';
import { z } from 'zod';

const variables = z.object({
  ...commonVariables,
  ...registryVariables,
  GRPC_ADDRESS: addressVariable.default('127.0.0.1:50051'),
  /** The certificate and private key of the gateway, in PEM: with both, it serves TLS alone. */
  GRPC_TLS_CERT_FILE: z.string().optional(),
  GRPC_TLS_KEY_FILE: z.string().optional(),
  /** The authorities of client certificates, in PEM: with them, every connection needs one. */
  GRPC_CLIENT_CA_FILE: z.string().optional(),
  /** How old a connection may become before its client is asked to make a new one. */
  GRPC_MAX_CONNECTION_AGE_MS: intVariable({ min: 1000, max: 604_800_000, default: 3_600_000 }),
  /** Who may do what. Without it, on loopback alone, everybody may do everything. */
  REKEY_ACCESS_FILE: z.string().optional(),
  /** Plain text beyond loopback: something before the gateway encrypts. */
  REKEY_ALLOW_PLAINTEXT: booleanVariable,
  /** Where `/healthz` and `/metrics` are served; nowhere if it is not set. */
  GATEWAY_HEALTH_ADDRESS: addressVariable.optional(),
  /** Without it the gateway believes no consumer; it serves everything else. */
  REKEY_GATEWAY_KEY_FILE: z.string().optional(),
  /** How many rotations may be open before new ones are refused: in all, and of one org. */
  REKEY_MAX_OPEN_ROTATIONS: intVariable({ min: 1, max: 10_000_000, default: 100_000 }),
  REKEY_MAX_OPEN_ROTATIONS_OF_ORG: intVariable({ min: 1, max: 10_000_000, default: 50_000 }),
  GATEWAY_MAX_CONNECTIONS: intVariable({ min: 1, max: 100_000, default: 2000 }),
  GATEWAY_MAX_CONNECTION_CALLS: intVariable({ min: 1, max: 100_000, default: 1000 }),
  GATEWAY_MAX_CALLS: intVariable({ min: 1, max: 100_000, default: 4000 }),
  GATEWAY_MAX_WAITS: intVariable({ min: 1, max: 1_000_000, default: 3000 }),
  GATEWAY_MAX_WATCHES: intVariable({ min: 1, max: 1_000_000, default: 10_000 }),
  GATEWAY_MAX_UPLOADS: intVariable({ min: 1, max: 10_000, default: 64 }),
  /** What one caller may take: calls, and its share of waits, watches, uploads, their ids, reflection. */
  GATEWAY_MAX_CALLER_CALLS_PER_SECOND: intVariable({ min: 1, max: 1_000_000, default: 2000 }),
  GATEWAY_CALLER_SHARE_PERCENT: intVariable({ min: 1, max: 100, default: 25 }),
  /** What one address may take of the connections, as long as its callers are not known. */
  GATEWAY_ADDRESS_SHARE_PERCENT: intVariable({ min: 1, max: 100, default: 25 }),
  /** How many calls of one address may fail to say who calls. */
  GATEWAY_MAX_FAILED_AUTHENTICATIONS_PER_SECOND: intVariable({ min: 1, max: 1_000_000, default: 50 }),
});

const isLoopbackAddress = (address: string): boolean => isLoopbackHost(address.replace(/:\d+$/, ''));

type Given = z.output<typeof variables>;

/** Beyond loopback, callers must be known, and no token may pass in the clear. */
const lackingBeyondLoopback = (given: Given): string[] =>
  isLoopbackAddress(given.GRPC_ADDRESS)
    ? []
    : [
        ...(given.REKEY_ACCESS_FILE === undefined
          ? ['REKEY_ACCESS_FILE, which says who may do what (rekey access check checks one)']
          : []),
        ...(given.GRPC_TLS_CERT_FILE === undefined && !given.REKEY_ALLOW_PLAINTEXT
          ? [
              'GRPC_TLS_CERT_FILE and GRPC_TLS_KEY_FILE, or REKEY_ALLOW_PLAINTEXT=true behind a mesh that ' +
                'encrypts: tokens then reach the gateway in the clear',
            ]
          : []),
      ];

const complaintAbout = (given: Given): string | undefined => {
  const { GRPC_TLS_CERT_FILE: cert, GRPC_TLS_KEY_FILE: key, GRPC_CLIENT_CA_FILE: authorities } = given;
  if ((cert === undefined) !== (key === undefined))
    return 'GRPC_TLS_CERT_FILE and GRPC_TLS_KEY_FILE must be set together';
  if (authorities !== undefined && cert === undefined)
    return 'GRPC_CLIENT_CA_FILE needs GRPC_TLS_CERT_FILE and GRPC_TLS_KEY_FILE: certificates need TLS';
  const lacking = lackingBeyondLoopback(given);
  return lacking.length === 0
    ? undefined
    : 'GRPC_ADDRESS is not on loopback, so other machines can call. Set it to 127.0.0.1:PORT, or set ' +
        lacking.join('; and ');
};

export const GatewayEnvironment = variables.superRefine((given, ctx) => {
  const message = complaintAbout(given);
  if (message !== undefined) ctx.addIssue({ code: 'custom', message });
});
export type GatewayEnvironment = z.infer<typeof GatewayEnvironment>;

export const isPlaintextBeyondLoopback = (config: GatewayEnvironment): boolean =>
  !isLoopbackAddress(config.GRPC_ADDRESS) && config.GRPC_TLS_CERT_FILE === undefined;
