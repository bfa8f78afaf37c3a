import type { ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { RekeyError } from '@rekey/schema';
import { readStatusDetails, toStatus } from './status-details.ts';

const received = (error: RekeyError) => toStatus(error) as unknown as ServiceError;

describe('toStatus and readStatusDetails', () => {
  it('carry the reason in ErrorInfo and the invalid fields in BadRequest', () => {
    const fieldViolations = [{ field: 'org_id', description: 'must not be empty' }];
    const status = received(new RekeyError('INVALID_ARGUMENT', { fieldViolations }));
    expect(status.details).toBe(
      'The request is not valid. org_id must not be empty. ' +
        'Correct the fields named in the BadRequest detail.',
    );
    expect(readStatusDetails(status)).toEqual({
      reason: 'INVALID_ARGUMENT',
      fieldViolations,
      metadata: {
        retryable: 'false',
        advice: 'Correct the fields named in the BadRequest detail.',
        violation_count: '1',
      },
    });
  });

  it('carry names and values in the metadata of ErrorInfo, and in the message', () => {
    const status = toStatus(
      new RekeyError('CONSUMERS_MISSING', {
        which: 'billing (GONE)',
        metadata: { consumers: 'billing' },
      }),
      '/rekey.v1.BulkRotationService/CreateBulkRotation',
    );
    expect(status.details).toMatch(
      /^A required consumer is not live or has not caught up: billing \(GONE\)\. See /,
    );
    expect(readStatusDetails(status as unknown as ServiceError).metadata).toEqual({
      call: 'CreateBulkRotation',
      retryable: 'false',
      advice: expect.stringMatching(/^See /),
      consumers: 'billing',
    });
  });

  it('say when to try again, only if room was missing and a retry may find some', () => {
    const waits = ['REDIS_MEMORY_LOW', 'TOO_MANY_CALLS', 'TOO_MANY_POLICIES', 'REDIS_UNAVAILABLE'] as const;
    expect(waits.map((code) => readStatusDetails(received(new RekeyError(code))).retryAfterMs)).toEqual([
      1000,
      1000,
      undefined,
      undefined,
    ]);
  });

  it('bound the length of metadata', () => {
    const status = received(new RekeyError('INTERNAL', { metadata: { long: 'x'.repeat(10_000) } }));
    expect(readStatusDetails(status).metadata['long']).toHaveLength(512);
  });

  it('show nothing of the cause', () => {
    const status = received(new RekeyError('REDIS_UNAVAILABLE', { cause: new Error('hunter2') }));
    expect(JSON.stringify([status, status.metadata.getMap()])).not.toContain('hunter2');
  });

  it("read nothing from an error that is not one of Rekey's", () => {
    const status = received(new RekeyError('INTERNAL'));
    status.metadata.remove('grpc-status-details-bin');
    expect(readStatusDetails(status)).toEqual({
      fieldViolations: [],
      metadata: {},
    });
  });
});
