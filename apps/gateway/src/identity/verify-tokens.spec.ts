import { beforeEach, describe, expect, it } from '@jest/globals';
import { digestOfToken, makeToken } from '@rekey/access';
import type { AccessToken } from '@rekey/ledger';
import { createAuthenticator } from './authenticate.ts';
import { createTokenVerifier, type TokenVerifier } from './verify-tokens.ts';

const secret = makeToken();
const token: AccessToken = {
  name: 'nightly',
  sha256: digestOfToken(secret),
  role: 'rotator',
  orgs: ['org_1'],
  requestedBy: 'local',
  createdMs: 0,
  expiresMs: Date.now() + 60_000,
  rev: 1,
};

let known: AccessToken[];
let untrusted: 'REGISTRY_KEY_MISSING' | undefined;
let looks: number;
let onLook: () => Promise<void>;
let uses: string[];
let refused: string[];
let verifier: TokenVerifier;
beforeEach(() => {
  [known, untrusted, looks, uses, refused] = [[token], undefined, 0, [], []];
  onLook = async () => {};
  verifier = createTokenVerifier(
    {
      untrusted: () => untrusted,
      look: async () => {
        looks += 1;
        await onLook();
      },
      find: (sha256) => known.find((one) => one.sha256 === sha256),
      isCurrent: (one) => known.includes(one),
      noteUse: async (name) => void uses.push(name),
    },
    (error) => refused.push((error as Error).message),
  );
});

describe('a token', () => {
  it('names its caller, who has its expiry', async () => {
    const authenticate = createAuthenticator(verifier);
    const jwts = { verify: async () => undefined, issuerOf: () => undefined };
    const caller = await authenticate(
      { authorization: `Bearer ${secret}`, peerCertificate: undefined },
      jwts,
    );
    expect(caller).toMatchObject({ name: 'token:nightly', expiresMs: token.expiresMs, token });
    expect([...caller.names]).toEqual(['token:nightly']);
  });

  it('that is none is refused like one that is not known, and says so to nobody but the log', async () => {
    const authenticate = createAuthenticator(verifier);
    const jwts = { verify: async () => undefined, issuerOf: () => undefined };
    const mistyped = `${secret.slice(0, -1)}${secret.endsWith('a') ? 'b' : 'a'}`;
    const refusals = [];
    for (const text of [mistyped, makeToken(), 'rekey_', `rekey_${'a'.repeat(8000)}`])
      refusals.push(
        await authenticate({ authorization: `Bearer ${text}`, peerCertificate: undefined }, jwts).catch(
          ({ code, message, metadata }) => ({ code, message, metadata }),
        ),
      );
    expect(new Set(refusals.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(refusals[0]).toMatchObject({ code: 'NOT_AUTHENTICATED', metadata: {} });
    expect(refused.join()).not.toContain('rekey_');
  });

  it('that is mistyped costs no look, and unknown ones one look in half a second', async () => {
    for (let i = 0; i < 50; i += 1) await verifier.verify(`rekey_${'a'.repeat(49)}`);
    expect(looks).toBe(0);
    for (let i = 0; i < 50; i += 1) await verifier.verify(makeToken());
    expect(looks).toBe(1);
    await verifier.verify(secret);
    expect(looks).toBe(1);
  });

  it.each<[string, () => void]>([
    ['was made by another gateway', () => (known = [])],
    ['comes before this gateway has read the registry', () => (untrusted = 'REGISTRY_KEY_MISSING')],
  ])('that %s is found by each of many calls at once', async (_, hide) => {
    hide();
    const reading = Promise.withResolvers<void>();
    onLook = async () => {
      await reading.promise;
      [known, untrusted] = [[token], undefined];
    };
    const verified = Promise.all(Array.from({ length: 20 }, () => verifier.verify(secret)));
    reading.resolve();
    expect(await verified).toEqual(Array.from({ length: 20 }, () => token));
    expect(looks).toBe(1);
  });

  it('that cannot be looked for is looked for again by the next call', async () => {
    known = [];
    onLook = async () => {
      throw new Error('Redis is away');
    };
    await expect(verifier.verify(secret)).rejects.toThrow('Redis is away');
  });

  it('is refused with a reason by a gateway that can verify none', async () => {
    untrusted = 'REGISTRY_KEY_MISSING';
    await expect(verifier.verify(secret)).rejects.toMatchObject({ code: 'TOKENS_UNVERIFIABLE' });
    expect(await verifier.verify('rekey_x')).toBeUndefined();
  });

  it('that is used often is noted once', async () => {
    for (let i = 0; i < 5; i += 1) await verifier.verify(secret);
    expect(uses).toEqual(['nightly']);
  });
});
