import { status, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';
import { RekeyError } from '@rekey/schema';
import { override } from './memory/override.ts';
import { hasDetails, toStatus } from './status-details.ts';

interface SentStatus {
  code?: status | undefined;
  details?: string | undefined;
  metadata?: Metadata | null | undefined;
}

/**
 * The error behind a status that grpc-js sends for a message that it rejects before a handler sees it;
 * undefined for any other status.
 */
const asRekeyError = ({ code, details }: SentStatus, maxBytes: number): RekeyError | undefined => {
  if (code === status.RESOURCE_EXHAUSTED && details?.startsWith('Received message')) {
    return new RekeyError('REQUEST_TOO_LARGE', {
      which: `at most ${maxBytes} bytes`,
      metadata: { limit_bytes: String(maxBytes) },
    });
  }
  if (code === status.INTERNAL && /^(Error deserializing request|Failed to decompress)/.test(details ?? ''))
    return new RekeyError('REQUEST_UNREADABLE');
  return undefined;
};

/**
 * Gives the errors that grpc-js makes itself the same details as all others. grpc-js sends them on the
 * innermost call, past any responder; this must therefore wrap the innermost call.
 */
export const explainTransportErrors =
  (maxBytes: number): ServerInterceptor =>
  ({ path }, call) => {
    const { sendStatus } = call;
    override(call, 'sendStatus', (sent) => {
      const error = hasDetails(sent) ? undefined : asRekeyError(sent, maxBytes);
      sendStatus.call(call, error === undefined ? sent : toStatus(error, path));
    });
    // The call is itself an intercepting call: grpc-js's own class would only pass everything on.
    return call as ReturnType<ServerInterceptor>;
  };
