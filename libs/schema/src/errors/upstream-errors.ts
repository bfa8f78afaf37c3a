import type { ErrorRow } from './error-row.ts';

/** What upstream answered, or did not answer. */
export const upstreamErrors = {
  // certainly not done
  ORG_NOT_CONFIGURED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'No API key is configured for this org.',
    advice: 'Add the org to INVENT_API_KEYS_FILE.',
  },
  UPSTREAM_UNREACHABLE: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'Invent could not be reached; nothing was sent.',
    advice: 'Check the network and INVENT_BASE_URL, then rotate again.',
  },
  UPSTREAM_RATE_LIMITED: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: "Invent's request limit was reached.",
    advice:
      'The worker retries automatically, at least once a minute. rekey status shows how long Invent asks ' +
      'to wait; rekey budget open resumes at once.',
  },
  UPSTREAM_REJECTED: {
    grpc: 'INVALID_ARGUMENT',
    retry: false,
    message: 'Invent rejected the request as malformed (400).',
    advice: 'Check the org and assistant ids.',
  },
  UPSTREAM_UNAUTHENTICATED: {
    grpc: 'UNAUTHENTICATED',
    retry: false,
    message: 'Invent did not accept the API key (401).',
    advice: 'Check the API key configured for this org.',
  },
  UPSTREAM_FORBIDDEN: {
    grpc: 'PERMISSION_DENIED',
    retry: false,
    message: 'The API key is not allowed to do this in this org (403).',
    advice: 'Use an API key of this org or of its parent.',
  },
  ASSISTANT_NOT_FOUND: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'Invent has no such assistant in this org (404).',
    advice: 'Check the org and assistant ids.',
  },
  ASSISTANT_DELETED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'The assistant is deleted at Invent.',
    advice: 'Leave it out.',
  },
  SENT_TOO_LATE: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'The worker was delayed and sent nothing.',
    advice: 'No action needed: the worker retries the rotation.',
  },
  RECORD_TOO_LARGE: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message:
      'The record of the assistant is longer than 16 MiB, so its key could not be read back. ' +
      'No request that replaces the key is sent.',
    advice: 'Shorten the record at Invent (its instructions, for example), then run rekey sweep.',
  },
  // outcome unknown: Rekey must read the key back before any retry
  OUTCOME_UNKNOWN: {
    grpc: 'UNKNOWN',
    retry: false,
    message: 'It is not known whether Invent changed the key.',
    advice: 'No action needed: Rekey reads the key back to find out.',
  },
  UPSTREAM_UNEXPECTED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'Invent answered with a redirect, or with another status that it does not document.',
    advice:
      'Check INVENT_BASE_URL, and the proxy if there is one: redirects are not followed. ' +
      'The worker log shows the host that a redirect points to.',
  },
  ANSWER_UNREADABLE: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message:
      'Invent answered, but the body cannot be decoded: its content encoding is unknown or wrong, ' +
      'or it is not UTF-8.',
    advice:
      'Check what is between the worker and Invent, such as a proxy that compresses. ' +
      'The worker reads again automatically.',
  },
  NO_SECRET_KEY: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'Invent returns this assistant without a secret key.',
    advice: 'Check the assistant at Invent.',
  },
  // why what was read is not published
  TOO_MANY_GONE: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'Many known assistants of the org are gone at Invent; none of them is published as deleted.',
    advice:
      'Check whether the API key belongs to another org. ' +
      'If they are gone for good: rekey sweep ORG --accept-removals.',
  },
  LIST_INCOMPLETE: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message:
      "Invent's list of the org is incomplete: it does not match its own count, " +
      'or part of it could not be read.',
    advice: 'Check at Invent how many assistants the org has. Listed assistants have been compared.',
  },
  TOO_MANY_WITHOUT_KEY: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message:
      'Invent returns many known assistants of the org without a secret key; ' +
      'none of them is published as having no key.',
    advice:
      'Check the permissions of the API key. ' +
      'If the assistants really have no key: rekey sweep ORG --accept-removals.',
  },
  TOO_MANY_CHANGED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message:
      'Many keys of the org were replaced outside Rekey in a short time; the new keys are not published.',
    advice:
      'Find out what replaced them, and whether Invent shows the real keys. ' +
      'If they are correct: rekey sweep ORG --accept-removals.',
  },
  ORG_CHANGED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message:
      'Invent lists none of the known assistants of the org; the API key most likely belongs to another org.',
    advice:
      'Check the API key of this org. ' +
      'If all known assistants are really gone: rekey sweep ORG --accept-removals.',
  },
  KEYS_NOT_SHOWN: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message:
      'Invent does not show the secret keys: they are masked, or the same for several assistants, ' +
      'or LIST shows other keys than GET.',
    advice:
      'Check the permissions of the API key. Rekey reads again automatically and publishes no such key.',
  },
  ORG_NOT_HELD: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'This org is not held: there is nothing to accept.',
    advice: 'See rekey status for the orgs that are held, and check the org id.',
  },
  STALE_READ: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'Invent returns an older key than the published one.',
    advice:
      'No action needed: reads may lag behind. If several reads agree, Rekey publishes the key in force.',
  },
} as const satisfies Record<string, ErrorRow>;
