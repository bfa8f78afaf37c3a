import { describe, expect, it } from '@jest/globals';
import {
  RekeyError,
  errorTable,
  errorText,
  storedErrorText,
  type ErrorCode,
  type ErrorSubject,
} from '@rekey/schema';
import type { ServiceError } from '@grpc/grpc-js';
import { loadContract } from './contract/load.ts';
import { toProtoBulkItem, toProtoBulkRotation } from './mapping/bulk.ts';
import { toProtoRotation } from './mapping/rotation.ts';
import { toProtoSweep } from './mapping/sweep.ts';
import { readStatusDetails, toStatus } from './status-details.ts';

interface Definition {
  path: string;
}
const codes = Object.keys(errorTable) as ErrorCode[];
const contract = loadContract();
const methods = Object.values(contract.v1).flatMap((service) =>
  Object.values((service as unknown as { service?: Record<string, Definition> }).service ?? {}).map(
    ({ path }) => ({
      path,
      name: path.split('/')[2]!,
      fields: contract.requestTypeOf(path).fieldsArray.map(({ name }) => name),
    }),
  ),
);
const received = (code: ErrorCode, path: string) =>
  toStatus(new RekeyError(code), path) as unknown as ServiceError;

describe('the advice of every code in every call', () => {
  it('covers all methods of the contract', () => {
    expect(methods.length).toBeGreaterThan(25);
  });

  it.each(methods)('of $name: mentions a request_id only if the request has one', ({ path, fields }) => {
    for (const code of codes.filter((name) => !name.startsWith('REQUEST_ID_') && name !== 'STREAM_IDLE')) {
      const { advice } = readStatusDetails(received(code, path)).metadata;
      expect([code, advice!.includes('request_id') && !fields.includes('requestId')]).toEqual([code, false]);
    }
  });

  it.each(methods.filter(({ fields }) => fields.includes('requestId')))(
    'of $name: says that the same request_id may be sent again, and what it returns',
    ({ name, path }) => {
      const thing = {
        RotateSecretKey: 'rotation',
        CreateBulkRotation: 'bulk rotation',
        CreateRotationPolicy: 'rotation policy',
      }[name]!;
      for (const code of [
        'REDIS_UNAVAILABLE',
        'REDIS_NOT_PERMITTED',
        'REDIS_MEMORY_LOW',
        'ARCHIVE_BEHIND',
        'REPLICAS_MISSING',
        'SHUTTING_DOWN',
      ] as const) {
        expect(received(code, path).details).toMatch(
          new RegExp(`try again with the same request_id; it returns the same ${thing}[.]`, 'i'),
        );
      }
      expect(received('REQUEST_ID_SPENT', path).details).toContain(thing);
    },
  );

  it.each(methods)('of $name: is in the metadata, with the name of the call', ({ name, path }) => {
    for (const code of codes) {
      const status = received(code, path);
      const { reason, metadata } = readStatusDetails(status);
      expect(reason).toBe(code);
      expect(metadata).toMatchObject({
        call: name,
        retryable: String(errorTable[code].retry),
      });
      expect(status.details.endsWith(metadata['advice']!)).toBe(true);
    }
  });
});

/** Words that belong to another subject: advice that contains them fits another call. */
const foreign: Record<ErrorSubject, RegExp> = {
  'open rotation': /request_id|sweep again|bulk/,
  'failed rotation': /request_id|sweep again|bulk|is retried|the worker retries|is tried again/,
  sweep: /request_id|\bassistant\b|rotat(e|ion)\b|bulk/i,
  'open bulk rotation': /request_id|sweep|rotate again|\bassistant ids?\b/,
  'failed bulk rotation': /request_id|sweep|rotate again|resume|\bassistant ids?\b/,
  'bulk item': /request_id|sweep|rotate again|the worker retries|is tried again/,
};
/** Codes that an org is held with. */
const ofHeldOrgs = [
  'TOO_MANY_GONE',
  'TOO_MANY_WITHOUT_KEY',
  'TOO_MANY_CHANGED',
  'ORG_CHANGED',
  'KEYS_NOT_SHOWN',
] as const;
/** Why an open rotation is not sent. */
const ofWaiting = [
  'FROZEN',
  'CLOCK_JUMP',
  'LEDGER_LOST',
  'TOO_MANY_UNKNOWNS',
  'TOO_MANY_UNKNOWNS_IN_ALL',
  'STALE_READ',
  ...ofHeldOrgs,
] as const;
/** Why a bulk rotation is HALTED or PAUSED. */
const ofStops = [
  'TOO_MANY_UNKNOWNS',
  'TOO_MANY_FAILURES',
  'READS_FAIL',
  'DRIFT_STORM',
  'CANARY_DONE',
  'CANARY_AWAITS_CONSUMERS',
  'PAUSED_BY_OPERATOR',
] as const;
/** Codes with which a sweep, or the listing for a bulk rotation, may end. */
const ofLists = [
  'INVALID_ARGUMENT',
  'REDIS_UNAVAILABLE',
  'REDIS_MEMORY_LOW',
  'ARCHIVE_BEHIND',
  'LEDGER_CORRUPT',
  'INTERNAL',
  'ORG_NOT_CONFIGURED',
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_RATE_LIMITED',
  'UPSTREAM_REJECTED',
  'UPSTREAM_UNAUTHENTICATED',
  'UPSTREAM_FORBIDDEN',
  'ASSISTANT_NOT_FOUND',
  'OUTCOME_UNKNOWN',
  'SENT_TOO_LATE',
  'REPLICAS_MISSING',
  'LIST_INCOMPLETE',
  ...ofHeldOrgs,
] as const;
const ofRotations = [
  'LEDGER_CORRUPT',
  'INTERNAL',
  'ORG_NOT_CONFIGURED',
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_RATE_LIMITED',
  'UPSTREAM_REJECTED',
  'UPSTREAM_UNAUTHENTICATED',
  'UPSTREAM_FORBIDDEN',
  'ASSISTANT_NOT_FOUND',
  'ASSISTANT_DELETED',
  'NO_SECRET_KEY',
  'REPLICAS_MISSING',
  'SENT_TOO_LATE',
  'INVALID_ARGUMENT',
] as const;
const cases: [ErrorSubject, ErrorCode][] = [
  ...(['sweep', 'open bulk rotation', 'failed bulk rotation'] as const).flatMap((subject) =>
    ofLists.map((code): [ErrorSubject, ErrorCode] => [subject, code]),
  ),
  ...(['open rotation', 'failed rotation', 'bulk item'] as const).flatMap((subject) =>
    ofRotations.map((code): [ErrorSubject, ErrorCode] => [subject, code]),
  ),
  ...ofWaiting.map((code): [ErrorSubject, ErrorCode] => ['open rotation', code]),
  ...ofStops.map((code): [ErrorSubject, ErrorCode] => ['open bulk rotation', code]),
];
/** The command by which an operator decides, for every subject. */
const ACCEPT = 'rekey sweep ORG --accept-removals';

describe('the message and advice for each subject', () => {
  const zero = { createdMs: 0, updatedMs: 0 };
  it.each(cases)('of an error of a %s: %s', (subject, code) => {
    const { message, advice } = errorText(code, subject);
    expect(`${message} ${advice}`.replace(ACCEPT, '')).not.toMatch(foreign[subject]);
    expect(advice).not.toContain('BadRequest');
    expect(advice).toMatch(/^[A-Z].*\.$/);
  });

  it.each(
    ofHeldOrgs
      .slice(0, 4)
      .flatMap((code) =>
        (Object.keys(foreign) as ErrorSubject[])
          .filter((subject) => !/^failed rotation|item$/.test(subject))
          .map((subject): [ErrorCode, ErrorSubject] => [code, subject]),
      ),
  )('name the command by which an operator decides: %s, of a %s', (code, subject) => {
    expect(errorText(code, subject).advice).toContain(ACCEPT);
  });

  it.each<[ErrorSubject, RegExp]>([
    ['sweep', /then run rekey sweep\.$/],
    ['open bulk rotation', /Resume .* to rotate the listed assistants, or cancel it/],
    ['failed bulk rotation', /then create the bulk rotation again\.$/],
  ])('of an incomplete list say how to continue with a %s', (subject, advice) => {
    expect(errorText('LIST_INCOMPLETE', subject).advice).toMatch(advice);
  });

  it.each([
    ['org_1', 'rekey sweep org_1 --accept-removals'],
    ["o'rg $x", "rekey sweep 'o'\\''rg $x' --accept-removals"],
    ['-org', 'rekey sweep --accept-removals -- -org'],
    ['$&', "rekey sweep '$&' --accept-removals"],
  ])('name the org in the command, ready to paste: %s', (orgId, command) => {
    const bulk = {
      id: 'blk_1',
      orgId,
      reason: '',
      selection: { kind: 'ids' as const },
      urgent: false,
      validateOnly: false,
      maxFailures: { count: 0 },
      counts: { waiting: 1, rotating: 0 } as never,
      lastFailures: [],
      ...zero,
    };
    expect(toProtoBulkRotation({ ...bulk, state: 'HALTED', why: 'TOO_MANY_GONE' }).stop?.advice).toContain(
      command,
    );
    expect(
      toProtoSweep({
        id: 'swp_1',
        orgId,
        state: 'FAILED',
        ...zero,
        counts: {} as never,
        errorCode: 'ORG_CHANGED',
      }).error?.advice,
    ).toContain(command);
  });

  it('are those of INTERNAL for a code that only another version knows', () => {
    expect(storedErrorText('BLESSED', 'sweep')).toEqual(errorText('INTERNAL', 'sweep'));
  });

  it('of a missing consumer fit the call: one that is required, or none that may read the org', () => {
    expect(errorText('CONSUMERS_MISSING', 'CreateBulkRotation').message).toBe(
      'A required consumer is not live or has not caught up.',
    );
    expect(errorText('CONSUMERS_MISSING', 'WaitRotation').message).toBe(
      'The rotation has succeeded, but no consumer may read its org.',
    );
  });

  it('for a sweep say that Invent does not know the org', () => {
    const { error } = toProtoSweep({
      id: 'swp_1',
      state: 'FAILED',
      ...zero,
      counts: {} as never,
      errorCode: 'ASSISTANT_NOT_FOUND',
    });
    expect(error).toEqual({
      reason: 'ASSISTANT_NOT_FOUND',
      message: 'Invent has no such org, or does not show it to this API key (404).',
      advice:
        'Check the org id, and whether the API key belongs to this org or to its parent; ' +
        'then run rekey sweep.',
    });
  });

  it('differ for an open rotation and a failed one', () => {
    const rotation = {
      id: 'rot_1',
      orgId: 'org_1',
      assistantId: 'ast_1',
      reason: '',
      attempts: 1,
      ...zero,
      errorCode: 'UPSTREAM_UNREACHABLE',
    };
    expect(toProtoRotation({ ...rotation, state: 'QUEUED' }).error?.advice).toMatch(/the worker retries/);
    expect(toProtoRotation({ ...rotation, state: 'FAILED' }).error?.advice).toMatch(/then rotate again/);
  });

  it('differ for a bulk rotation and one of its assistants', () => {
    const counts = { total: 0, waiting: 0, rotating: 0 } as never;
    const bulk = {
      id: 'blk_1',
      orgId: 'org_1',
      reason: '',
      selection: { kind: 'ids' as const },
      urgent: false,
      validateOnly: false,
      maxFailures: { count: 0 },
      counts,
      lastFailures: [],
      ...zero,
      why: 'UPSTREAM_UNREACHABLE',
    };
    expect(toProtoBulkRotation({ ...bulk, state: 'HALTED' }).stop?.advice).toMatch(
      /then resume the bulk rotation/,
    );
    expect(toProtoBulkRotation({ ...bulk, state: 'FAILED' }).stop?.advice).toMatch(
      /then create the bulk rotation again/,
    );
    expect(
      toProtoBulkItem({
        index: 0,
        assistantId: 'a',
        state: 'FAILED',
        errorCode: 'UPSTREAM_UNREACHABLE',
      }).error?.advice,
    ).toMatch(/then retry the bulk rotation/);
  });
});
