import { describe, expect, it } from '@jest/globals';
import { simulatorAddress } from './simulator-admin.ts';

const environment = { GRPC_ADDRESS: '127.0.0.1:1', REDIS_URL: 'redis://127.0.0.1:2' };
const simulatorAdmin = 'http://127.0.0.1:4011';

describe('rekey demo', () => {
  it.each([simulatorAdmin, 'http://[::1]:4011'])('finds the simulator of the npm start: %s', (admin) => {
    const start = { environment, simulatorAdmin: admin };
    expect(simulatorAddress(start, environment).href).toBe(`${admin}/`);
  });

  it.each([
    ['no npm start runs', undefined, environment, 'No npm start runs in this folder'],
    ['it is for another gateway', { environment, simulatorAdmin }, { ...environment, GRPC_ADDRESS: 'x:1' }],
    ['it is for another Redis', { environment, simulatorAdmin }, { GRPC_ADDRESS: '127.0.0.1:1' }],
    ['npm start calls Invent', { environment }, environment, 'calls Invent'],
    ['the simulator is elsewhere', { environment, simulatorAdmin: 'http://example.com:4011' }, environment],
    ['its address is none', { environment, simulatorAdmin: 'x' }, environment],
  ])('refuses before it does anything if %s', (_when, start, env, message = '') => {
    expect(() => simulatorAddress(start, env)).toThrow(
      expect.objectContaining({ reason: 'NO_SIMULATOR', message: expect.stringContaining(message) }),
    );
  });
});
