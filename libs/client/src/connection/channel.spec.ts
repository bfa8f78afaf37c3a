import { describe, expect, it } from '@jest/globals';
import { channelOptionsFor, isLoopback } from './channel.ts';

describe('isLoopback', () => {
  it.each([
    'localhost:50051',
    'LOCALHOST:1',
    '127.0.0.1:50051',
    '127.8.8.8:1',
    '[::1]:50051',
    'unix:/run/rekey.sock',
  ])('is true of %s', (address) => {
    expect(isLoopback(address)).toBe(true);
  });

  it.each([
    'gateway:50051',
    '10.0.0.1:50051',
    '0.0.0.0:50051',
    '127.0.0.1.example.com:443',
    '127.example:1',
    'localhost.example.com:443',
    '[fe80::1]:1',
    'dns:///localhost:50051',
  ])('is false of %s', (address) => {
    expect(isLoopback(address)).toBe(false);
  });
});

describe('a channel', () => {
  it('to loopback uses no proxy of the environment; one to another host may', () => {
    expect(
      ['127.0.0.1:50051', 'localhost:1', '[::1]:50051', 'unix:/run/rekey.sock'].map(
        (address) => channelOptionsFor(address)['grpc.enable_http_proxy'],
      ),
    ).toEqual([0, 0, 0, 0]);
    expect(channelOptionsFor('gateway:50051')).not.toHaveProperty(['grpc.enable_http_proxy']);
  });
});
