import { Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import {
  errorTable,
  errorText,
  isErrorCode,
  type ErrorCode,
  type FieldViolation,
  type RekeyError,
} from '@rekey/schema';
import protobuf from 'protobufjs/light.js';

/*
 * The standard error model of Google APIs (AIP-193): google.rpc.Status with ErrorInfo, BadRequest and
 * RetryInfo, in the trailer `grpc-status-details-bin`. The fields in use are described here by name and
 * number, as in google/rpc/status.proto and google/rpc/error_details.proto: the npm package of Google's
 * protos is 9 MB for these messages.
 */
const readRoot = (): protobuf.Root =>
  protobuf.Root.fromJSON(
    {
      nested: {
        Any: {
          fields: {
            type_url: { type: 'string', id: 1 },
            value: { type: 'bytes', id: 2 },
          },
        },
        Status: {
          fields: {
            code: { type: 'int32', id: 1 },
            message: { type: 'string', id: 2 },
            details: { rule: 'repeated', type: 'Any', id: 3 },
          },
        },
        ErrorInfo: {
          fields: {
            reason: { type: 'string', id: 1 },
            domain: { type: 'string', id: 2 },
            metadata: {
              keyType: 'string',
              type: 'string',
              id: 3,
            } as protobuf.IField,
          },
        },
        FieldViolation: {
          fields: {
            field: { type: 'string', id: 1 },
            description: { type: 'string', id: 2 },
          },
        },
        BadRequest: {
          fields: {
            field_violations: { rule: 'repeated', type: 'FieldViolation', id: 1 },
          },
        },
        Duration: {
          fields: {
            seconds: { type: 'int64', id: 1 },
            nanos: { type: 'int32', id: 2 },
          },
        },
        RetryInfo: {
          fields: {
            retry_delay: { type: 'Duration', id: 1 },
          },
        },
      },
    },
    new protobuf.Root(),
  );
let root: protobuf.Root | undefined;
/** Made at the first error: most commands of `rekey` meet none. */
const type = (name: string) => (root ??= readRoot()).lookupType(name);
const TRAILER = 'grpc-status-details-bin';
const TYPE_URL = 'type.googleapis.com/google.rpc.';
const DOMAIN = 'rekey';

/** Some clients accept no more than 8 KiB of trailers. */
const MAX_VIOLATIONS = 10;
const MAX_VALUE_CHARACTERS = 512;

/** How long a caller that was refused for want of room should wait before it tries again. */
const RETRY_AFTER_MS = 1000;

/** A google.protobuf.Duration, in whole milliseconds. */
const durationOf = (ms: number) => {
  const wholeMs = Math.ceil(ms);
  return { seconds: Math.floor(wholeMs / 1000), nanos: (wholeMs % 1000) * 1_000_000 };
};

/** The method's name: the last part of the path of a call. Empty if there is no path. */
const methodOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/**
 * The status of a call that failed with a RekeyError. The message and advice fit the called method; the cause
 * is left out. `ErrorInfo.metadata` has the same for programs: `call`, `retryable` (`true` or `false`),
 * `advice`, and the ids and names of what the error is about. `RetryInfo` says when to try again what was
 * refused for want of room.
 */
export const toStatus = (error: RekeyError, path = ''): StatusObject => {
  const call = methodOf(path);
  const { grpc, message: inTable, retry } = errorTable[error.code];
  const words = errorText(error.code, call);
  const message = words.message === inTable ? error.message : words.message;
  const violations = error.fieldViolations.slice(0, MAX_VIOLATIONS);
  const more = error.fieldViolations.length - violations.length;
  const violated = [
    ...violations.map(({ field, description }) => `${field} ${description}`),
    ...(more > 0 ? [`and ${more} more`] : []),
  ].join('; ');
  const details = `${violated ? `${message} ${violated}.` : message} ${words.advice}`;
  const info = {
    ...(call !== '' && { call }),
    retryable: String(retry),
    advice: words.advice,
    ...(violated && { violation_count: String(error.fieldViolations.length) }),
    ...error.metadata,
  };
  const bounded = Object.fromEntries(
    Object.entries(info).map(([name, value]) => [name, value.slice(0, MAX_VALUE_CHARACTERS)]),
  );
  const detail = (name: string, value: object) => ({
    type_url: `${TYPE_URL}${name}`,
    value: type(name).encode(type(name).fromObject(value)).finish(),
  });
  const packed = [
    detail('ErrorInfo', {
      reason: error.code,
      domain: DOMAIN,
      metadata: bounded,
    }),
  ];
  if (violations.length > 0) packed.push(detail('BadRequest', { field_violations: violations }));
  if (retry && grpc === 'RESOURCE_EXHAUSTED')
    packed.push(detail('RetryInfo', { retry_delay: durationOf(error.retryAfterMs ?? RETRY_AFTER_MS) }));
  const metadata = new Metadata();
  metadata.set(
    TRAILER,
    Buffer.from(
      type('Status')
        .encode(
          type('Status').fromObject({
            code: status[grpc],
            message: details,
            details: packed,
          }),
        )
        .finish(),
    ),
  );
  return { code: status[grpc], details, metadata };
};

/** Whether a status has details in the standard error model. */
export const hasDetails = ({ metadata }: { metadata?: Metadata | null | undefined }): boolean =>
  (metadata?.get(TRAILER).length ?? 0) > 0;

interface CallError {
  /** The reason of ErrorInfo; undefined if the error is not one of Rekey's. */
  reason?: ErrorCode;
  fieldViolations: FieldViolation[];
  /**
   * The metadata of ErrorInfo: `advice` for the called method, `retryable` (`true` or `false`), and the ids
   * and names of what the error is about. Empty if the error is not one of Rekey's.
   */
  metadata: Readonly<Record<string, string>>;
  /** How long to wait before the same call, from RetryInfo; undefined if the error has none. */
  retryAfterMs?: number;
}

/** Reads Rekey's error details from the trailer of a failed call. */
export const readStatusDetails = (error: ServiceError): CallError => {
  const [trailer] = error.metadata?.get(TRAILER) ?? [];
  const result: CallError = { fieldViolations: [], metadata: {} };
  if (!Buffer.isBuffer(trailer)) return result;
  const { details } = type('Status').decode(trailer) as unknown as {
    details: { type_url: string; value: Uint8Array }[];
  };
  for (const { type_url: url, value } of details) {
    if (url === `${TYPE_URL}ErrorInfo`) {
      const { reason, domain, metadata } = type('ErrorInfo').decode(value) as unknown as {
        reason: string;
        domain: string;
        metadata: Record<string, string>;
      };
      if (domain === DOMAIN && isErrorCode(reason))
        Object.assign(result, { reason, metadata: { ...metadata } });
    }
    if (url === `${TYPE_URL}BadRequest`) {
      const { field_violations: violations } = type('BadRequest').decode(value) as unknown as {
        field_violations: FieldViolation[];
      };
      result.fieldViolations.push(...violations.map(({ field, description }) => ({ field, description })));
    }
    if (url === `${TYPE_URL}RetryInfo`) {
      const { retry_delay: delay } = type('RetryInfo').decode(value) as unknown as {
        retry_delay: { seconds: number | protobuf.Long; nanos: number } | null;
      };
      const ms = Number(delay?.seconds ?? 0) * 1000 + (delay?.nanos ?? 0) / 1e6;
      if (ms > 0) result.retryAfterMs = ms;
    }
  }
  return result;
};
