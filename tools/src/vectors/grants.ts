import { base64url, compactJwe, compactJws } from './primitives.ts';
import {
  consumers,
  otherSeed,
  rekeyPublic,
  rekeySeed,
  type ConsumerName,
  type TestGrant,
} from './test-keys.ts';

const ISSUED = '2026-11-23T22:50:00.000Z';
const REV = 1_795_474_200_000_000;

const keySet = ({ kid, wrapping, proving }: TestGrant) => [
  { kty: 'oct', use: 'enc', alg: 'A256KW', kid, k: base64url(wrapping) },
  { kty: 'oct', use: 'sig', alg: 'HS256', kid, k: base64url(proving) },
];

const claimsOf = (name: ConsumerName): Record<string, unknown> => ({
  typ: 'rekey.grant.1',
  rev: REV,
  envelope: 2,
  key_kid: consumers[name].jwk['kid'],
  consumer: name,
  issued_at: ISSUED,
  keys: keySet(consumers[name].grant),
});

interface Sealing {
  claims?: Record<string, unknown>;
  /** Signed by it; Rekey by default. */
  seed?: Buffer;
  /** Sealed to the key of this consumer. */
  to?: ConsumerName;
  header?: object;
}

const sealed = (name: ConsumerName, label: string, more: Sealing = {}): string => {
  const { claims = claimsOf(name), seed = rekeySeed, to = name, header } = more;
  const typ = 'rekey.grant.1';
  const jws = compactJws(
    header ?? { alg: 'EdDSA', typ, kid: rekeyPublic['kid'] },
    JSON.stringify(claims),
    seed,
  );
  return compactJwe(consumers[to].jwk, { typ, kid: consumers[to].jwk['kid'], cty: 'JOSE' }, jws, label);
};

const without = (claims: Record<string, unknown>, ...names: string[]) =>
  Object.fromEntries(Object.entries(claims).filter(([name]) => !names.includes(name)));

interface GrantCase {
  name: string;
  consumer: ConsumerName;
  /** The grant that a running consumer holds. */
  held?: { rev: number; kid: string };
  grant: string;
  verdict: 'accept' | 'refuse';
  /** The rule that refuses it. */
  rule?: 'open' | 'signature' | 'consumer' | 'form' | 'key_kid' | 'rev';
  keys?: object;
}

const accepted = (consumer: ConsumerName, rev: number, needsKeyProof: boolean) => {
  const { kid, wrapping, proving } = consumers[consumer].grant;
  return {
    kid,
    wrapping: base64url(wrapping),
    proving: base64url(proving),
    rev,
    needs_key_proof: needsKeyProof,
  };
};

/** The grant of each consumer, as Rekey makes it. */
const ordinary = (name: ConsumerName, more: Partial<GrantCase> = {}): GrantCase => ({
  name: `of a consumer with a key of type ${consumers[name].type}`,
  consumer: name,
  grant: sealed(name, `grant ${name}`),
  verdict: 'accept',
  keys: accepted(name, REV, true),
  ...more,
});

const changed = (name: string, claims: Record<string, unknown>, more: Partial<GrantCase>): GrantCase => ({
  name,
  consumer: 'billing',
  grant: sealed('billing', name, { claims: { ...claimsOf('billing'), ...claims } }),
  verdict: 'refuse',
  ...more,
});

const acceptedCases = (): GrantCase[] => [
  ...(['billing', 'chat', 'crm'] as const).map((name) => ordinary(name)),
  {
    name: 'of the version before: no typ, rev, envelope and key_kid',
    consumer: 'legacy',
    grant: sealed('legacy', 'legacy', {
      claims: without(claimsOf('legacy'), 'typ', 'rev', 'envelope', 'key_kid'),
    }),
    verdict: 'accept',
    keys: accepted('legacy', 0, false),
  },
  changed('a later envelope', { envelope: 3 }, { verdict: 'accept', keys: accepted('billing', REV, true) }),
  changed(
    'a claim that you do not know',
    { later: { a: 1 } },
    {
      verdict: 'accept',
      keys: accepted('billing', REV, true),
    },
  ),
  ordinary('billing', {
    name: 'the one that you hold',
    held: { rev: REV, kid: consumers.billing.grant.kid },
  }),
  ordinary('billing', {
    name: 'newer than the one that you hold',
    held: { rev: REV - 1, kid: 'AAAAAAAAAAAA' },
  }),
];

const refusedCases = (): GrantCase[] => [
  ordinary('billing', {
    name: 'older than the one that you hold',
    held: { rev: REV + 1, kid: 'AAAAAAAAAAAA' },
    verdict: 'refuse',
    rule: 'rev',
  }),
  ordinary('billing', {
    name: 'of the revision that you hold, with another kid',
    held: { rev: REV, kid: 'AAAAAAAAAAAA' },
    verdict: 'refuse',
    rule: 'rev',
  }),
  {
    name: 'of another consumer',
    consumer: 'billing',
    grant: sealed('other', 'other', { to: 'billing' }),
    verdict: 'refuse',
    rule: 'consumer',
  },
  {
    name: 'sealed to the key of another consumer',
    consumer: 'billing',
    grant: sealed('billing', 'to other', { to: 'other' }),
    verdict: 'refuse',
    rule: 'open',
  },
  {
    name: 'signed by another Rekey, under its own kid',
    consumer: 'billing',
    grant: sealed('billing', 'other signer', {
      seed: otherSeed,
      header: { alg: 'EdDSA', kid: 'AAAAAAAAAAAA' },
    }),
    verdict: 'refuse',
    rule: 'signature',
  },
  {
    name: "signed by another Rekey, under this one's kid",
    consumer: 'billing',
    grant: sealed('billing', 'forged', { seed: otherSeed }),
    verdict: 'refuse',
    rule: 'signature',
  },
  {
    name: 'not signed: alg none',
    consumer: 'billing',
    grant: sealed('billing', 'none', { header: { alg: 'none', kid: rekeyPublic['kid'] } }),
    verdict: 'refuse',
    rule: 'signature',
  },
  {
    name: 'with one character changed',
    consumer: 'billing',
    grant: sealed('billing', 'changed').replace(
      /(.{8})$/,
      (end) => `${end[0] === 'A' ? 'B' : 'A'}${end.slice(1)}`,
    ),
    verdict: 'refuse',
    rule: 'open',
  },
  changed('of another consumer, for your key', { consumer: 'other' }, { rule: 'consumer' }),
  changed('another typ', { typ: 'rekey.grant.2' }, { rule: 'form' }),
  changed('an envelope below 2', { envelope: 1 }, { rule: 'form' }),
  changed('a rev of 2^53', { rev: 2 ** 53 }, { rule: 'form' }),
  changed('a negative rev', { rev: -1 }, { rule: 'form' }),
  changed('for another key of the consumer', { key_kid: 'AAAAAAAAAAAA' }, { rule: 'key_kid' }),
];

export const grantsFile = (): object => ({
  about: 'Grants, and what a consumer says to each. `consumer` names the key file of keys.json.',
  cases: [...refusedCases(), ...acceptedCases()].toSorted((a, b) => (a.verdict < b.verdict ? -1 : 1)),
});
