import {
  createCipheriv,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  sign,
  type KeyObject,
} from 'node:crypto';

/**
 * What the contract of consumers is made of, by node:crypto alone and with nothing random: the vectors are
 * not made by the code that they test.
 */
export type Jwk = Record<string, string>;

export const base64url = (data: Uint8Array | string): string => Buffer.from(data).toString('base64url');
const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64url');
const sha256 = (data: Uint8Array | string): Buffer => createHash('sha256').update(data).digest();
export const hmac = (key: Uint8Array | string, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

/** 32 bytes that nobody can take for a secret: text that says so. */
export const testBytes = (label: string): Buffer => {
  const text = `REKEY TEST KEY ${label} `.padEnd(32, 'abcdefghijklmnop');
  if (text.length !== 32) throw new Error(`the label is too long: ${label}`);
  return Buffer.from(text);
};

/** In place of random bytes. */
export const drawn = (label: string, length: number): Buffer =>
  sha256(`rekey vector ${label}`).subarray(0, length);

const PKCS8_BEFORE: Readonly<Record<'X25519' | 'Ed25519', string>> = {
  X25519: '302e020100300506032b656e04220420',
  Ed25519: '302e020100300506032b657004220420',
};
const privateKey = (crv: 'X25519' | 'Ed25519', seed: Buffer): KeyObject =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from(PKCS8_BEFORE[crv], 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  });

const okp = (crv: 'X25519' | 'Ed25519', seed: Buffer): Jwk => ({
  kty: 'OKP',
  crv,
  x: createPublicKey(privateKey(crv, seed)).export({ format: 'jwk' }).x!,
});
const p256 = (scalar: Buffer): Jwk => {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(scalar);
  const point = ecdh.getPublicKey();
  return { kty: 'EC', crv: 'P-256', x: base64url(point.subarray(1, 33)), y: base64url(point.subarray(33)) };
};

/** RFC 7638. `shown`: the members that a thumbprint covers, and no others. */
export const kidOf = (shown: Jwk): string => {
  const sorted = Object.fromEntries(Object.entries(shown).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return base64url(sha256(JSON.stringify(sorted))).slice(0, 12);
};

export type KeyType = 'X25519' | 'P-256' | 'shared';
export const consumerJwk = (type: KeyType, secret: Buffer): Jwk => {
  if (type === 'shared') {
    const shared = { kty: 'oct', k: base64url(secret) };
    return { ...shared, use: 'enc', alg: 'A256KW', kid: kidOf(shared) };
  }
  const shown = type === 'X25519' ? okp('X25519', secret) : p256(secret);
  return { ...shown, d: base64url(secret), use: 'enc', alg: 'ECDH-ES+A256KW', kid: kidOf(shown) };
};
export const verifierJwk = (seed: Buffer): Jwk => {
  const shown = okp('Ed25519', seed);
  return { ...shown, use: 'sig', alg: 'EdDSA', kid: kidOf(shown) };
};

/** RFC 3394. */
export const wrap = (key: Uint8Array, contentKey: Buffer): Buffer => {
  const cipher = createCipheriv('id-aes256-wrap', key, Buffer.from('a6a6a6a6a6a6a6a6', 'hex'));
  return Buffer.concat([cipher.update(contentKey), cipher.final()]);
};

export const encrypt = (
  key: Buffer,
  iv: Buffer,
  header: string,
  plaintext: string | Buffer,
): { ciphertext: string; tag: string } => {
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(header));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return { ciphertext: base64url(ciphertext), tag: base64url(cipher.getAuthTag()) };
};

/** RFC 7515, compact, EdDSA. */
export const compactJws = (header: object, payload: string, seed: Buffer): string => {
  const signed = `${base64url(JSON.stringify(header))}.${base64url(payload)}`;
  return `${signed}.${base64url(sign(null, Buffer.from(signed), privateKey('Ed25519', seed)))}`;
};

/** The concatenation KDF as RFC 7518 §4.6 uses it, for one key of 256 bits. */
const concatKdf = (secret: Buffer, algorithm: string): Buffer => {
  const number = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const name = Buffer.from(algorithm);
  return sha256(
    Buffer.concat([number(1), secret, number(name.length), name, number(0), number(0), number(256)]),
  );
};

const agree = (to: Jwk, ephemeral: Buffer): { epk: Jwk; secret: Buffer } => {
  if (to['crv'] === 'X25519') {
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: to['x']! }, format: 'jwk' });
    const own = privateKey('X25519', ephemeral);
    return { epk: okp('X25519', ephemeral), secret: diffieHellman({ privateKey: own, publicKey }) };
  }
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(ephemeral);
  const point = Buffer.concat([Buffer.from([4]), bytesOf(to['x']!), bytesOf(to['y']!)]);
  return { epk: p256(ephemeral), secret: ecdh.computeSecret(point) };
};

/** RFC 7516, compact: ECDH-ES+A256KW, or A256KW for a shared key. */
export const compactJwe = (to: Jwk, more: object, plaintext: string, label: string): string => {
  const [contentKey, iv] = [drawn(`content key ${label}`, 32), drawn(`iv ${label}`, 12)];
  const agreed = to['kty'] === 'oct' ? undefined : agree(to, testBytes('ephemeral'));
  const alg = agreed ? 'ECDH-ES+A256KW' : 'A256KW';
  const wrapping = agreed ? concatKdf(agreed.secret, alg) : bytesOf(to['k']!);
  const header = base64url(
    JSON.stringify({ alg, enc: 'A256GCM', ...more, ...(agreed && { epk: agreed.epk }) }),
  );
  const { ciphertext, tag } = encrypt(contentKey, iv, header, plaintext);
  return [header, base64url(wrap(wrapping, contentKey)), base64url(iv), ciphertext, tag].join('.');
};

/** The seed of the key that signs acknowledgements. */
export const acknowledgementSeed = (proving: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', proving, Buffer.alloc(0), 'rekey acknowledgement 1', 32));
export const ed25519 = (seed: Buffer, text: string): string =>
  base64url(sign(null, Buffer.from(text), privateKey('Ed25519', seed)));
export const ed25519Public = (seed: Buffer): string => okp('Ed25519', seed)['x']!;
