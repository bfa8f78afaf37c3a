import { describe, expect, it } from '@jest/globals';
import { Metadata } from '@grpc/grpc-js';
import { contextOf } from './server-call.ts';

const authorization = (...values: string[]): string | undefined => {
  const metadata = new Metadata();
  for (const value of values) metadata.add('authorization', value);
  return contextOf({ cancelled: false, metadata, on: () => {}, getDeadline: () => Infinity }).authorization;
};

describe('the authorization of a call', () => {
  it('is what its caller sent', () => {
    expect(authorization('Bearer a')).toBe('Bearer a');
  });

  it('is undefined only if there is none: of several, none is valid', () => {
    expect(authorization()).toBeUndefined();
    expect(authorization('Bearer a', 'Bearer b')).toBe('');
  });
});
