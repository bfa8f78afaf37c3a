import type { ErrorRow } from './error-row.ts';

/** Errors in what a caller sent or asked for. */
export const requestErrors = {
  INVALID_ARGUMENT: {
    grpc: 'INVALID_ARGUMENT',
    retry: false,
    message: 'The request is not valid.',
    advice: 'Correct the fields named in the BadRequest detail.',
  },
  NOT_AUTHENTICATED: {
    grpc: 'UNAUTHENTICATED',
    retry: false,
    message: 'The gateway does not know who calls.',
    advice: 'Call with a valid client certificate or token.',
  },
  NOT_PERMITTED: {
    grpc: 'PERMISSION_DENIED',
    retry: false,
    message: 'The caller may not do this.',
    advice: 'Ask an administrator of Rekey for the permission that the error names.',
  },
  REQUEST_ID_REUSED: {
    grpc: 'ALREADY_EXISTS',
    retry: false,
    message: 'This request_id was already used with different arguments.',
    advice: 'Generate a new request_id for each new request.',
  },
  REQUEST_ID_SPENT: {
    grpc: 'ALREADY_EXISTS',
    retry: false,
    message: 'This request_id was already used; its rotation has ended and is no longer stored.',
    advice: 'Check the assistant. To rotate it again, generate a new request_id.',
  },
  STREAM_IDLE: {
    grpc: 'ABORTED',
    retry: true,
    message: 'The stream received no message for one minute; nothing was created.',
    advice: 'Start the call again and send messages without long pauses. You can reuse the request_id.',
  },
  REQUEST_STALLED: {
    grpc: 'ABORTED',
    retry: true,
    message: 'The request did not arrive in time; nothing was done.',
    advice: 'Send the call again, with its whole message at once.',
  },
  TOO_MANY_CALLS: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: 'This gateway has reached its limit of open calls of this kind; nothing was done.',
    advice: 'End calls that are no longer needed, then send the call again, or send it to another gateway.',
  },
  QUOTA_EXCEEDED: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: 'The caller has reached a limit of its own at this gateway; nothing was done.',
    advice:
      'End calls that are no longer needed, or send fewer, then send the call again. ' +
      'To rotate many assistants, create one bulk rotation.',
  },
  TOO_MANY_FAILED_AUTHENTICATIONS: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: 'Too many calls from this address did not say who calls; this one was not examined.',
    advice:
      'Find what calls from this address without a valid certificate or token, then send the call again.',
  },
  METADATA_TOO_LARGE: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: false,
    message: 'The metadata of the call exceeds the size limit of the gateway.',
    advice: 'Send less metadata: the gateway reads only authorization, x-request-id and traceparent.',
  },
  ROTATION_NOT_FOUND: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'Rotation not found.',
    advice: 'Check the id. Ended rotations are stored for a limited time.',
  },
  ROTATION_NOT_CANCELLABLE: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'Only a QUEUED rotation can be cancelled.',
    advice: 'Wait for the rotation to end. Its request may already be on its way to Invent.',
  },
  SWEEP_NOT_FOUND: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'Sweep not found.',
    advice: 'Check the id. Ended sweeps are stored for one week.',
  },
  BULK_NOT_FOUND: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'Bulk rotation not found.',
    advice: 'Check the id. Ended bulk rotations are stored for a limited time.',
  },
  DRAFT_LOST: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'Some of the ids sent for the bulk rotation are missing from Redis; nothing was started.',
    advice: 'Send all ids again, within one hour.',
  },
  BULK_STATE: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'The bulk rotation is not in a state that allows this operation.',
    advice:
      'Check its state: an ended bulk rotation cannot be paused or cancelled, ' +
      'and only an ended one can be retried.',
  },
  POLICY_NOT_FOUND: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'Rotation policy not found.',
    advice: 'Check the id, or list the policies.',
  },
  POLICY_NOT_SCHEDULED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'The next window of the rotation policy cannot be computed; the policy rotates no keys.',
    advice:
      'Check its cron expression and time zone (rekey policy get). If both are correct, update Node.js, ' +
      'which provides the time zones. Otherwise correct them (rekey policy update).',
  },
  REQUEST_TOO_LARGE: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: false,
    message: 'A message of the request exceeds the size limit of the gateway.',
    advice: 'Send smaller messages. A stream of ids can have any number of them.',
  },
  REQUEST_UNREADABLE: {
    grpc: 'INVALID_ARGUMENT',
    retry: false,
    message: 'A message of the request cannot be decoded as its type.',
    advice: 'Encode messages as the contract (proto/rekey/v1) defines them.',
  },
  TOO_MANY_POLICIES: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: false,
    message: 'Rotation policy limit (1000) reached.',
    advice: 'Delete a policy that is no longer needed.',
  },
  POLICIES_TOO_LARGE: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: false,
    message: 'The rotation policies would together name more than 1,000,000 assistants, or 64 MiB of ids.',
    advice: 'Let the policy cover all assistants of the org, or delete a policy that is no longer needed.',
  },
  TOO_MANY_ROTATIONS: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: 'Open rotation limit reached; nothing was accepted.',
    advice:
      'Try again when rotations have ended; rekey status says what holds them up. ' +
      'To rotate many assistants, create one bulk rotation.',
  },
  TOO_MANY_BULKS: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: 'Too many bulk rotations are open, or these have too many assistants; nothing was started.',
    advice: 'Try again when others have ended, or cancel those that are no longer needed.',
  },
  TOO_MANY_REQUEST_IDS: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: 'The limit of request ids (5,000,000 in 24 hours) is reached; nothing was accepted.',
    advice: 'Find the caller that sends so many requests. To rotate many assistants, create bulk rotations.',
  },
  TOO_MANY_SWEEPS: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: 'Ten requested sweeps are already queued; nothing was accepted.',
    advice: 'Try again when one has begun, or sweep all orgs at once.',
  },
  ORG_NOT_KNOWN: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'Rekey does not know this org: it has no published key, no API key and no rotation policy.',
    advice: 'Check the org id. If it is correct, add its API key to INVENT_API_KEYS_FILE.',
  },
  CONSUMER_NOT_FOUND: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'Consumer not found.',
    advice: 'Check the name, or list the consumers.',
  },
  CONSUMER_EXISTS: {
    grpc: 'ALREADY_EXISTS',
    retry: false,
    message: 'A consumer with this name and a different key already exists.',
    advice: 'Remove it first, or choose another name.',
  },
  TOO_MANY_CONSUMERS: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: false,
    message: 'Consumer limit (100) reached.',
    advice: 'Remove a consumer that is no longer needed.',
  },
  CONSUMER_BUSY: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'Another change of the consumer happened at the same time.',
    advice: 'Check the consumer, then try again.',
  },
  TOKEN_NOT_FOUND: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'Access token not found.',
    advice: 'Check the name, or list the access tokens.',
  },
  TOKEN_EXISTS: {
    grpc: 'ALREADY_EXISTS',
    retry: false,
    message: 'An access token with this name already exists.',
    advice: 'Revoke it first, or choose another name.',
  },
  TOO_MANY_TOKENS: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: false,
    message: 'Access token limit (200) reached.',
    advice: 'Use the name of a revoked token again: revoked tokens count until they would have expired.',
  },
  TOKEN_BUSY: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'Another change of the registry happened at the same time.',
    advice: 'Check the access tokens, then try again.',
  },
  TOKENS_UNVERIFIABLE: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'This gateway cannot verify access tokens at present.',
    advice:
      'Try again. If it recurs, the gateway has no key file or cannot verify the registry: see its log, or ' +
      'rekey status with a client certificate.',
  },
  CONSUMER_MAY_NOT_READ: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'A named consumer is not allowed to read this org.',
    advice: 'Name another consumer, or let this one read the org: rekey consumer orgs.',
  },
  NO_WORKER_YET: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: "Rekey's public key is not known: no worker has run yet.",
    advice: 'Start a worker, or print the key: rekey key-file public PATH.',
  },
  CONSUMER_LOST: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message:
      'The entry of this consumer was changed or deleted in Redis, and no process holds the verified one.',
    advice:
      'Find what else writes to this Redis. Then remove the consumer and add it again, ' +
      'or decide which entries to trust: rekey registry trust.',
  },
  CONSUMERS_MISSING: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'A required consumer is not live or has not caught up.',
    advice: 'See rekey consumer status. Start the consumer, or leave it out of the request.',
  },
  ASSISTANT_NOT_KNOWN: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'Rekey holds no key of this assistant.',
    advice: 'Rotate its key once.',
  },
} as const satisfies Record<string, ErrorRow>;
