import { Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { errorTable, isErrorCode, type ErrorCode, type FieldViolation, type RekeyError } from '@rekey/schema';
import protobuf from 'protobufjs';

/*
 * The standard error model of Google APIs (AIP-193): google.rpc.Status with ErrorInfo and BadRequest, in the trailer
 * `grpc-status-details-bin`. The few fields that are used are described here by name and number, as in google/rpc/status.proto
 * and google/rpc/error_details.proto; the npm package of Google's protos weighs 9 MB for these four messages.
 */
const root = protobuf.Root.fromJSON({
  nested: {
    Any: { fields: { type_url: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } },
    Status: { fields: { code: { type: 'int32', id: 1 }, message: { type: 'string', id: 2 }, details: { rule: 'repeated', type: 'Any', id: 3 } } },
    ErrorInfo: { fields: { reason: { type: 'string', id: 1 }, domain: { type: 'string', id: 2 } } },
    FieldViolation: { fields: { field: { type: 'string', id: 1 }, description: { type: 'string', id: 2 } } },
    BadRequest: { fields: { field_violations: { rule: 'repeated', type: 'FieldViolation', id: 1 } } },
  },
}, new protobuf.Root());
const type = (name: string) => root.lookupType(name);
const TRAILER = 'grpc-status-details-bin';
const TYPE_URL = 'type.googleapis.com/google.rpc.';
const DOMAIN = 'rekey';

/** A RekeyError as the status of a call: the table's words, and nothing of its cause. */
export const toStatus = (error: RekeyError): StatusObject => {
  const { grpc, message, advice } = errorTable[error.code];
  const violated = error.fieldViolations.map(({ field, description }) => `${field} ${description}`).join('; ');
  const details = `${violated ? `${message} ${violated}.` : message} ${advice}`;
  const detail = (name: string, value: object) => ({ type_url: `${TYPE_URL}${name}`, value: type(name).encode(type(name).fromObject(value)).finish() });
  const packed = [detail('ErrorInfo', { reason: error.code, domain: DOMAIN })];
  if (error.fieldViolations.length > 0) packed.push(detail('BadRequest', { field_violations: error.fieldViolations }));
  const metadata = new Metadata();
  metadata.set(TRAILER, Buffer.from(type('Status').encode(type('Status').fromObject({ code: status[grpc], message: details, details: packed })).finish()));
  return { code: status[grpc], details, metadata };
};

export interface CallError {
  /** The reason of ErrorInfo; undefined where the error is not Rekey's. */
  reason?: ErrorCode;
  fieldViolations: FieldViolation[];
}

/** What Rekey's trailer says of a failed call. */
export const readStatusDetails = (error: ServiceError): CallError => {
  const [trailer] = error.metadata?.get(TRAILER) ?? [];
  const result: CallError = { fieldViolations: [] };
  if (!Buffer.isBuffer(trailer)) return result;
  const { details } = type('Status').decode(trailer) as unknown as { details: { type_url: string; value: Uint8Array }[] };
  for (const { type_url: url, value } of details) {
    if (url === `${TYPE_URL}ErrorInfo`) {
      const { reason, domain } = type('ErrorInfo').decode(value) as unknown as { reason: string; domain: string };
      if (domain === DOMAIN && isErrorCode(reason)) result.reason = reason;
    }
    if (url === `${TYPE_URL}BadRequest`) {
      const { field_violations: violations } = type('BadRequest').decode(value) as unknown as { field_violations: FieldViolation[] };
      result.fieldViolations.push(...violations.map(({ field, description }) => ({ field, description })));
    }
  }
  return result;
};
