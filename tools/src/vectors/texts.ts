import { acknowledgementSeed, ed25519, ed25519Public, hmac } from './primitives.ts';
import { consumers } from './test-keys.ts';

const LABEL = 'rekey.acknowledgement.1\n';

const acknowledgement = (consumer: 'billing' | 'chat', more: object = {}): string =>
  JSON.stringify({
    consumer,
    instance: 'test-vector',
    lease_ms: 10_000,
    position: '1795474210063-0',
    seq: 1,
    keys: 1,
    unapplied: { count: 0, first: [] },
    refused: { count: 0, first: [] },
    number: 1,
    sent_ms: 1_795_474_210_071,
    leaving: false,
    kid: consumers[consumer].grant.kid,
    ...more,
  });

export const acknowledgementsFile = (): object => {
  const seedOf = (name: 'billing' | 'chat') => acknowledgementSeed(consumers[name].grant.proving);
  const [billing, chat] = [seedOf('billing'), seedOf('chat')];
  const text = acknowledgement('billing');
  const odd = acknowledgement('billing', { instance: 'ü-🤖', keys: 100_000 });
  const genuine = { consumer: 'billing', ack_key: ed25519Public(billing) };
  const proof = ed25519(billing, LABEL + text);
  const bad = (name: string, ack: string, given: string) => ({
    name,
    ...genuine,
    ack,
    proof: given,
    verdict: 'refuse',
  });
  return {
    about: 'Acknowledgements, their proofs, and `ack_key`, the public key of the entry of the consumer.',
    cases: [
      { name: 'of billing', ...genuine, ack: text, proof, verdict: 'accept' },
      {
        name: 'of chat',
        consumer: 'chat',
        ack_key: ed25519Public(chat),
        ack: acknowledgement('chat'),
        proof: ed25519(chat, LABEL + acknowledgement('chat')),
        verdict: 'accept',
      },
      {
        name: 'with characters beyond ASCII, in UTF-8',
        ...genuine,
        ack: odd,
        proof: ed25519(billing, LABEL + odd),
        verdict: 'accept',
      },
      bad('another text', acknowledgement('billing', { seq: 2 }), proof),
      bad('the same JSON, spelled otherwise', JSON.stringify(JSON.parse(text), null, 1), proof),
      bad('signed by another consumer', text, ed25519(chat, LABEL + text)),
      bad('signed without the line before it', text, ed25519(billing, text)),
      bad('a proof with padding', text, `${proof}==`),
      bad('half a proof', text, proof.slice(0, 43)),
      bad('no proof', text, ''),
    ],
  };
};

export const userHashesFile = (): object => ({
  about: 'User hashes: HMAC-SHA256 in lower-case hex, of the user id under the secret key, both in UTF-8.',
  cases: [
    ['sk_test_vector_1', 'user-42'],
    ['sk_test_vector_1', ''],
    ['sk_test_vector_1', 'ü-🤖@example.com'],
    ['sk_test_ключ_🔑', 'user-42'],
    ['c2tfdGVzdA==', 'looks like base64, and is not decoded'],
    ['k'.repeat(100), 'a key that is longer than a block of SHA-256'],
  ].map(([secretKey, userId]) => ({
    secret_key: secretKey,
    user_id: userId,
    user_hash: hmac(secretKey!, userId!).toString('hex'),
  })),
});

export const namesFile = (): object => ({
  about: 'Ids, and how they stand in the names of keys and in `source`.',
  cases: ['ast_1', 'org-demo.test', "ü'(1)*!:&+~", 'орг-🤖', '__proto__', 'a b', '%2F', 'a:b{c}'].map(
    (id) => ({
      id,
      encoded: encodeURIComponent(id),
      current: `{rekey}:current:${encodeURIComponent(id)}`,
    }),
  ),
});
