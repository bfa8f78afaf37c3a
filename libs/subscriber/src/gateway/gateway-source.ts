import {
  RekeyClientError,
  createRekeyClient,
  type RekeyClient,
  type RekeyClientOptions,
} from '@rekey/client';
import type { GatewayOptions, Settings } from '../options.ts';
import type { Source } from '../source.ts';
import { SubscribeError } from '../subscribe-error.ts';
import { openGatewaySession } from './gateway-session.ts';

const ANSWER_WITHIN_MS = 5000;

type Pem = NonNullable<Exclude<GatewayOptions['tls'], boolean>>['ca'];
const pemOf = (name: string, pem: Pem) =>
  pem === undefined ? {} : { [name]: pem.includes('-----BEGIN ') ? pem : { file: pem } };

const clientOptions = ({ address, tls, token, tokenFile }: GatewayOptions): RekeyClientOptions => ({
  address,
  ...(tls !== undefined && {
    tls:
      typeof tls === 'boolean'
        ? tls
        : {
            ...pemOf('ca', tls.ca),
            ...pemOf('cert', tls.cert),
            ...pemOf('key', tls.key),
            ...(tls.serverName !== undefined && { serverName: tls.serverName }),
          },
  }),
  ...(token !== undefined && { token }),
  ...(tokenFile !== undefined && { token: { file: tokenFile } }),
  // Each session asks again by itself, and finds a lost gateway by its own questions.
  retry: false,
  deadlineMs: ANSWER_WITHIN_MS,
});

/** Errors that do not pass by themselves. */
const FINAL: ReadonlySet<string> = new Set([
  'NOT_AUTHENTICATED',
  'NOT_PERMITTED',
  'INVALID_ARGUMENT',
  'REGISTRY_KEY_MISSING',
]);

const isFinal = ({ code, grpcStatus }: RekeyClientError): boolean =>
  FINAL.has(code) || grpcStatus === 'UNIMPLEMENTED';

/** Throws SubscribeError with BAD_OPTION. */
export const createGatewaySource = (
  gateway: GatewayOptions,
  { consumer, staleAfterMs }: Pick<Settings, 'consumer' | 'staleAfterMs'>,
): Source => {
  const connect = (): RekeyClient => createRekeyClient(clientOptions(gateway));
  try {
    connect().close();
  } catch (error) {
    throw new SubscribeError('BAD_OPTION', `gateway: ${(error as Error).message}`, { cause: error });
  }
  return {
    open: (signal, onClose) => openGatewaySession({ connect, consumer, staleAfterMs }, signal, onClose),
    refusalOf: (fault) =>
      fault instanceof RekeyClientError && isFinal(fault)
        ? new SubscribeError('GATEWAY_REFUSED', `the gateway refuses this service: ${fault.message}`, {
            cause: fault,
          })
        : undefined,
    away: (withinMs, cause) =>
      new SubscribeError(
        'GATEWAY_AWAY',
        `no gateway could be reached that serves this consumer, within ${withinMs} ms` +
          `${cause instanceof RekeyClientError ? `: ${cause.message}` : ''}`,
        { cause },
      ),
  };
};
