import { describe, expect, it } from '@jest/globals';
import { AccessFileError, parseAccessFile } from './access-file.ts';
import { rightsOf } from './rights.ts';

const FILE = `
issuers:
  - issuer: https://idp.example.com
    audience: rekey
    algorithms: [ES256]
    jwks: https://idp.example.com/jwks.json
    groups: groups
bindings:
  - principals: [spiffe://example.com/ns/shop/sa/billing, "jwt:https://idp.example.com#svc-billing"]
    role: rotator
    orgs: [org_1, org_2]
  - principals: ["group:https://idp.example.com#platform", dns:Ops.example.com]
    role: operator
    orgs: ["*"]
  - principals: [spiffe://example.com/ns/shop/sa/billing]
    role: admin
    orgs: [org_3]
`;

const faultsOf = (text: string): readonly string[] => {
  try {
    parseAccessFile(text);
    return [];
  } catch (error) {
    if (error instanceof AccessFileError) return error.faults;
    throw error;
  }
};
const bindingOf = (fields: object): string =>
  JSON.stringify({ bindings: [{ principals: ['dns:a'], role: 'viewer', orgs: ['org_1'], ...fields }] });
const issuerOf = (fields: object): string =>
  JSON.stringify({
    issuers: [
      { issuer: 'https://idp', audience: 'rekey', algorithms: ['ES256'], jwks: '/jwks.json', ...fields },
    ],
    bindings: [{ principals: ['dns:a'], role: 'viewer', orgs: ['*'] }],
  });

describe('an access file', () => {
  it('gives each principal a name that says what proves it', () => {
    expect(parseAccessFile(FILE).bindings.map(({ principals }) => principals)).toEqual([
      ['uri:spiffe://example.com/ns/shop/sa/billing', 'jwt:https://idp.example.com#svc-billing'],
      ['group:https://idp.example.com#platform', 'dns:ops.example.com'],
      ['uri:spiffe://example.com/ns/shop/sa/billing'],
    ]);
  });

  it('may name an access token', () => {
    const file = bindingOf({ principals: ['token:nightly'] });
    expect(parseAccessFile(file).bindings[0]!.principals).toEqual(['token:nightly']);
  });

  it.each([
    'token:',
    'token:Nightly',
    'token:a b',
    'token:__proto__',
    'token:a\nb',
    `token:${'a'.repeat(64)}`,
  ])('refuses %j, which no token is called', (principal) => {
    expect(faultsOf(bindingOf({ principals: [principal] }))).toHaveLength(1);
  });

  it.each<[string, string, RegExp]>([
    ['a syntax error', 'bindings: [', /line 1/],
    ['a key twice', 'bindings: []\nbindings: []', /unique/i],
    ['an alias', 'issuers: &a []\nbindings: *a', /alias/i],
    ['nothing', '', /^bindings: /],
    ['a text', 'hello', /^the file: /],
    ['no binding', 'bindings: []', /^bindings: must have at least one binding/],
    ['an unknown field', bindingOf({ org: 'org_1' }), /^bindings\[1\]: .*org/],
    ['an unknown role', bindingOf({ role: 'root' }), /^bindings\[1\]\.role: must be one of viewer, /],
    ['a role of the prototype', bindingOf({ role: '__proto__' }), /^bindings\[1\]\.role: must be one of/],
    ['an empty org', bindingOf({ orgs: [''] }), /^bindings\[1\]\.orgs\[1\]: must not be empty/],
    ['no org', bindingOf({ orgs: [] }), /^bindings\[1\]\.orgs: must name at least one org/],
    ['an org twice', bindingOf({ orgs: ['a', 'a'] }), /^bindings\[1\]\.orgs: must name each org once: a$/],
    [
      'a principal twice',
      bindingOf({ principals: ['dns:A', 'dns:a'] }),
      /^bindings\[1\]\.principals: must name each principal once: dns:a$/,
    ],
    ['a newline in a principal', bindingOf({ principals: ['dns:a\nb'] }), /printable characters/],
    ['a bare word as principal', bindingOf({ principals: ['__proto__'] }), /must be a URI such as/],
    ['a group without its issuer', bindingOf({ principals: ['group:platform'] }), /must be a URI such as/],
    ['a shared secret as algorithm', issuerOf({ algorithms: ['HS256'] }), /^issuers\[1\]\.algorithms\[1\]: /],
    ['the algorithm none', issuerOf({ algorithms: ['none'] }), /^issuers\[1\]\.algorithms\[1\]: /],
    ['no algorithm', issuerOf({ algorithms: [] }), /^issuers\[1\]\.algorithms: must name at least one/],
    ['no audience', issuerOf({ audience: undefined }), /^issuers\[1\]\.audience: /],
    ['plain http to an issuer', issuerOf({ jwks: 'http://idp.example.com/jwks' }), /must be an https URL/],
    ['plain http without slashes', issuerOf({ jwks: 'http:idp.example.com/jwks' }), /must be an https URL/],
    ['https without a host', issuerOf({ jwks: 'https:' }), /must be an https URL/],
    ['plain http after a space', issuerOf({ jwks: ' http://idp.example.com/jwks' }), /must be an https URL/],
    [
      'an issuer with a #',
      issuerOf({ issuer: 'https://idp#a' }),
      /^issuers\[1\]\.issuer: must not contain #/,
    ],
    ['a newline in an issuer', issuerOf({ issuer: 'https://idp\n' }), /^issuers\[1\]\.issuer: .*printable/],
    ['another scheme', issuerOf({ jwks: 'ftp://idp.example.com/jwks' }), /must be an https URL/],
    [
      'an issuer twice',
      JSON.stringify({
        issuers: Array.from({ length: 2 }, () => ({
          issuer: 'https://idp',
          audience: 'rekey',
          algorithms: ['ES256'],
          jwks: '/jwks.json',
        })),
        bindings: [{ principals: ['dns:a'], role: 'viewer', orgs: ['*'] }],
      }),
      /^issuers: must name each issuer once: https:\/\/idp$/,
    ],
  ])('is refused with %s', (_, text, fault) => {
    expect(faultsOf(text).join('\n')).toMatch(fault);
  });

  it('is taken with an issuer on loopback, or a file', () => {
    expect(faultsOf(issuerOf({ jwks: 'http://127.0.0.1:8080/jwks' }))).toEqual([]);
    expect(faultsOf(issuerOf({ jwks: 'jwks.json' }))).toEqual([]);
  });

  it('names every fault at once', () => {
    expect(faultsOf(bindingOf({ role: 'root', orgs: [''] }))).toHaveLength(2);
  });
});

describe('rights', () => {
  const file = parseAccessFile(FILE);
  const rights = (...names: string[]) => rightsOf(file, new Set(names));
  const billing = 'uri:spiffe://example.com/ns/shop/sa/billing';

  it('are those of every binding that names the caller, each in its orgs', () => {
    const own = rights(billing);
    expect(own.allows('rotations.create', 'org_1')).toBe(true);
    expect(own.allows('rotations.read', 'org_2')).toBe(true);
    expect(own.allows('rotations.create', 'org_4')).toBe(false);
    expect(own.allows('bulkRotations.create', 'org_1')).toBe(false);
    expect(own.allows('consumers.create', 'org_3')).toBe(true);
    expect(own.allowsSomewhere('consumers.create')).toBe(true);
    expect(own.allowsEverywhere('rotations.read')).toBe(false);
  });

  it('come with a group', () => {
    const own = rights('jwt:https://idp.example.com#anna', 'group:https://idp.example.com#platform');
    expect(own.allowsEverywhere('policies.create')).toBe(true);
    expect(own.allows('policies.create', 'an org of tomorrow')).toBe(true);
    expect(own.allowsSomewhere('system.freeze')).toBe(false);
  });

  it.each(['jwt:https://idp.example.com#anna', 'dns:spiffe://example.com/ns/shop/sa/billing', 'local', ''])(
    'are none for %j, whom no binding names',
    (name) => {
      expect(rights(name).allowsSomewhere('status.read')).toBe(false);
      expect(rights(name).allows('rotations.read', 'org_1')).toBe(false);
    },
  );

  it('in every org are not those of an org with that name', () => {
    expect(rights(billing).allows('rotations.create', '*')).toBe(false);
  });
});
