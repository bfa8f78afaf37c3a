import { describe, expect, it } from '@jest/globals';
import { proxyFor, type ProxyEnvironment } from './proxy.ts';

const https = new URL('https://api.useinvent.com');
const originFor = (url: URL, env: ProxyEnvironment) => proxyFor(url, env)?.origin;

describe('the proxy for Invent', () => {
  it.each<[string, string, ProxyEnvironment, string | undefined]>([
    [
      'HTTPS_PROXY for https',
      'https://api.useinvent.com',
      { HTTPS_PROXY: 'http://proxy:3128', HTTP_PROXY: 'http://other' },
      'http://proxy:3128',
    ],
    [
      'HTTP_PROXY for http',
      'http://simulator:4010',
      { HTTPS_PROXY: 'http://proxy:3128', HTTP_PROXY: 'http://other/' },
      'http://other',
    ],
    [
      'the lower-case variable first',
      'https://api.useinvent.com',
      { https_proxy: 'http://lower', HTTPS_PROXY: 'http://upper' },
      'http://lower',
    ],
    [
      'the other one if the first is empty',
      'https://api.useinvent.com',
      { https_proxy: '', HTTPS_PROXY: 'http://upper' },
      'http://upper',
    ],
    [
      'a proxy without a scheme, which is http',
      'https://api.useinvent.com',
      { HTTPS_PROXY: 'proxy.corp:3128' },
      'http://proxy.corp:3128',
    ],
    [
      'a proxy that speaks TLS',
      'https://api.useinvent.com',
      { HTTPS_PROXY: 'https://proxy.corp:3129' },
      'https://proxy.corp:3129',
    ],
    ['ALL_PROXY for https', 'https://api.useinvent.com', { ALL_PROXY: 'http://all' }, 'http://all'],
    [
      'all_proxy for http, with precedence',
      'http://simulator:4010',
      { ALL_PROXY: 'http://upper', all_proxy: 'http://lower', https_proxy: 'http://other' },
      'http://lower',
    ],
    [
      'HTTPS_PROXY before all_proxy',
      'https://api.useinvent.com',
      { all_proxy: 'http://all', HTTPS_PROXY: 'http://proxy' },
      'http://proxy',
    ],
    ['none for loopback, despite ALL_PROXY', 'http://localhost:4010', { ALL_PROXY: 'http://all' }, undefined],
    [
      'none for hosts in NO_PROXY, despite ALL_PROXY',
      'https://api.useinvent.com',
      { ALL_PROXY: 'socks5://all', NO_PROXY: 'useinvent.com' },
      undefined,
    ],
    [
      'none for https with HTTP_PROXY only',
      'https://api.useinvent.com',
      { http_proxy: 'http://proxy' },
      undefined,
    ],
    ['none for localhost', 'http://localhost:4010', { http_proxy: 'http://proxy' }, undefined],
    ['none for 127.0.0.0/8', 'http://127.1.2.3:4010', { http_proxy: 'http://proxy' }, undefined],
    ['none for ::1', 'https://[::1]:4010', { https_proxy: 'http://proxy' }, undefined],
    [
      'none for a URL that an invalid variable does not apply to',
      'http://127.0.0.1:4010',
      { http_proxy: 'nonsense://' },
      undefined,
    ],
  ])('is %s', (_what, url, env, origin) => {
    expect(originFor(new URL(url), env)).toBe(origin);
  });

  it.each([
    ['*', true],
    ['api.useinvent.com', true],
    ['useinvent.com', true],
    ['.useinvent.com', true],
    ['*.useinvent.com', true],
    ['API.UseInvent.COM.', true],
    ['other.example, useinvent.com', true],
    ['other.example useinvent.com', true],
    ['useinvent.com:443', true],
    ['useinvent.com:8443', false],
    ['invent.com', false],
    ['*.api.useinvent.com', false],
    ['', false],
    ['10.0.0.0/8', false],
    [',', false],
  ])('is bypassed with NO_PROXY=%j: %p', (list, excepted) => {
    expect(originFor(https, { HTTPS_PROXY: 'http://proxy', NO_PROXY: list })).toBe(
      excepted ? undefined : 'http://proxy',
    );
    expect(originFor(https, { HTTPS_PROXY: 'http://proxy', no_proxy: list })).toBe(
      excepted ? undefined : 'http://proxy',
    );
  });

  it.each([
    ['10.1.2.3', true],
    ['10.0.0.0/8', true],
    ['10.1.2.3/32', true],
    ['10.1.0.0/24', false],
    ['10.1.2.3:443', true],
    ['1.2.3', false],
    ['0.0.0.0/0', true],
    ['10.0.0.0/99', false],
    ['::/0', false],
  ])('is bypassed for an address with NO_PROXY=%j: %p', (list, excepted) => {
    expect(originFor(new URL('https://10.1.2.3'), { HTTPS_PROXY: 'http://proxy', NO_PROXY: list })).toBe(
      excepted ? undefined : 'http://proxy',
    );
  });

  it.each([
    ['fd00::5', true],
    ['[fd00::5]', true],
    ['[fd00::5]:443', true],
    ['[fd00::5]:1', false],
    ['fd00::/8', true],
    ['fd00::6', false],
  ])('is bypassed for an IPv6 address with NO_PROXY=%j: %p', (list, excepted) => {
    expect(originFor(new URL('https://[fd00::5]'), { HTTPS_PROXY: 'http://proxy', NO_PROXY: list })).toBe(
      excepted ? undefined : 'http://proxy',
    );
  });

  it('gets credentials in a header, and none in its origin', () => {
    expect(proxyFor(https, { HTTPS_PROXY: 'http://us%65r:p%40ss@proxy:3128' })).toEqual({
      origin: 'http://proxy:3128',
      variable: 'HTTPS_PROXY',
      authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
    });
  });

  it.each([
    'http://',
    '://',
    'socks5://proxy:1080',
    'http://user:secret@proxy:port',
    'http://proxy/path',
    'http://proxy?secret',
    'ftp://secret@proxy',
    'http://a:%zz-secret@proxy',
    ' ',
  ])('is rejected without being quoted if it is %j', (text) => {
    expect(() => proxyFor(https, { HTTPS_PROXY: text })).toThrow(
      expect.objectContaining({
        variable: 'HTTPS_PROXY',
        message: expect.not.stringMatching(/secret|socks|proxy:port/),
      }),
    );
  });
});
