import { EventEmitter } from 'node:events';
import type { ClientWritableStream, ServiceError } from '@grpc/grpc-js';
import { expect, it } from '@jest/globals';
import { sendAll } from './streams.ts';

/** A call that notes what is done with it. */
const fakeCall = (done: unknown[]) =>
  Object.assign(new EventEmitter(), {
    writable: true,
    write: (message: unknown) => done.push(message) > 0,
    end: () => void done.push('end'),
    cancel: () => void done.push('cancel'),
  }) as unknown as ClientWritableStream<string>;

it('spoils a stream before it cancels it, so that it is never taken for a complete one', async () => {
  const done: unknown[] = [];
  const throwing = async function* () {
    yield 'first';
    yield 'second';
    throw new Error('line 3 is wrong');
  };
  const cancellation = { cancelled: () => undefined, onCancel: () => () => {} };
  const open = () => fakeCall(done);
  await expect(sendAll(throwing(), 'spoiling', open, cancellation as never)).rejects.toThrow(
    'line 3 is wrong',
  );
  expect(done).toEqual(['first', 'second', 'spoiling', 'cancel']);
});

it('does not spoil a stream that has ended', async () => {
  const done: unknown[] = [];
  let cancel = (): void => {};
  const cancellation = {
    cancelled: () => (done.includes('end') ? new Error('aborted') : undefined),
    onCancel: (listener: () => void) => {
      cancel = listener;
      return () => {};
    },
  };
  const call = fakeCall(done);
  const open = (_answered: (error: ServiceError | null) => void) =>
    Object.assign(call, { end: () => Object.assign(call, { writable: false }) && void done.push('end') });
  const whole = async function* () {
    yield 'first';
  };
  const sent = sendAll(whole(), 'spoiling', open, cancellation as never);
  while (!done.includes('end')) await new Promise(setImmediate);
  cancel();
  await expect(sent).rejects.toThrow('aborted');
  expect(done).toEqual(['first', 'end', 'cancel']);
});
