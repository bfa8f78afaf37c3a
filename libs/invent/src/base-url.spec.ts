import { describe, expect, it } from '@jest/globals';
import { parseBaseUrl } from './base-url.ts';

describe('parseBaseUrl', () => {
  it.each([
    'https://api.useinvent.com',
    'https://host/base',
    'http://127.0.0.1:4010',
    'http://127.9.9.9',
    'http://localhost:1',
    'http://[::1]:1',
  ])('accepts %s', (url) => {
    expect(parseBaseUrl(url).href).toBe(new URL(url).href);
  });

  it.each([
    'http://api.useinvent.com',
    'http://127.0.0.1.evil.com',
    'http://localhost.evil.com',
    'http://10.0.0.1',
    'ftp://localhost',
    'https://user:pw@host',
    'https://host/?a=b',
    'nonsense',
  ])('rejects %s', (url) => {
    expect(() => parseBaseUrl(url)).toThrow(/must be/);
  });

  it('accepts plain HTTP for a named host', () => {
    expect(parseBaseUrl('http://simulator:4010', ['simulator']).hostname).toBe('simulator');
    expect(() => parseBaseUrl('http://simulator2:4010', ['simulator'])).toThrow('must be https');
  });
});
