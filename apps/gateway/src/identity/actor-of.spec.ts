import { describe, expect, it } from '@jest/globals';
import { actorOf } from './actor-of.ts';
import { LOCAL, type Caller } from './authenticate.ts';

const call = { requestId: 'call-1', traceparent: undefined };
const callerOf = (names: string[], also?: string): Caller => ({
  name: names[0]!,
  names: new Set(names),
  expiresMs: Infinity,
  ...(also !== undefined && { also }),
});

describe('the actor of a call', () => {
  it('is local without an identity', () => {
    expect(actorOf(LOCAL, call)).toEqual({ by: 'local', request: 'call-1' });
  });

  it('has the trace id of the call', () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    expect(actorOf(LOCAL, { ...call, traceparent }).trace).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
  });

  it('has each other name that the caller proved, and no group', () => {
    const names = ['uri:spiffe://a', 'dns:b.example.com', 'group:https://i#team'];
    expect(actorOf(callerOf(names, 'jwt:https://i#a b'), call)).toMatchObject({
      by: 'uri:spiffe://a',
      also: 'dns:b.example.com jwt:https://i#a%20b',
    });
    expect(actorOf(callerOf(['jwt:https://i#a', 'group:https://i#team']), call)).not.toHaveProperty('also');
  });

  it('has no more names than fit', () => {
    const names = Array.from({ length: 100 }, (_, i) => `uri:${'x'.repeat(500)}${i}`);
    const { also } = actorOf(callerOf(names), call);
    expect(also!.split(' ')).toEqual(names.slice(1, 5));
  });
});
