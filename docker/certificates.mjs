// Certificates for docker-compose.yml: an authority of its own, one for the gateway, and one for each caller.
// X.509 (RFC 5280) in DER, with Node's crypto alone: the image has no openssl.
import {
  X509Certificate,
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  randomBytes,
  sign,
} from 'node:crypto';
import { isIPv4 } from 'node:net';

const DAY_MS = 86_400_000;
/** Clocks of gateway and callers may differ. */
const VALID_BEFORE_MS = 3_600_000;

const lengthOf = (length) => {
  if (length < 128) return Buffer.from([length]);
  const bytes = Buffer.from(
    length.toString(16).padStart(2 * Math.ceil(length.toString(16).length / 2), '0'),
    'hex',
  );
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
};
const tagged = (tag, ...parts) => {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
};
const sequence = (...parts) => tagged(0x30, ...parts);
const octets = (content) => tagged(0x04, content);
const bits = (content, unused = 0) => tagged(0x03, Buffer.from([unused]), content);
const TRUE = tagged(0x01, Buffer.from([0xff]));

const oid = (dotted) => {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  const bytes = [40 * first + second];
  for (const part of rest) {
    const base128 = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) base128.unshift((left & 0x7f) | 0x80);
    bytes.push(...base128);
  }
  return tagged(0x06, Buffer.from(bytes));
};

/** UTCTime until 2049, then GeneralizedTime (RFC 5280, section 4.1.2.5). */
const time = (ms) => {
  const text = `${new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '')}`;
  return text < '2050' ? tagged(0x17, Buffer.from(text.slice(2))) : tagged(0x18, Buffer.from(text));
};

/** A distinguished name that is a common name alone. */
const nameOf = (text) => sequence(tagged(0x31, sequence(oid('2.5.4.3'), tagged(0x0c, Buffer.from(text)))));

const SAN_TAGS = { DNS: 0x82, URI: 0x86, IP: 0x87 };
/** `DNS:localhost`, `IP:127.0.0.1` or `URI:spiffe://…`. */
const alternativeName = (name) => {
  const [, kind, value] = /^(DNS|IP|URI):(.+)$/.exec(name);
  if (kind === 'IP' && !isIPv4(value)) throw new Error(`${value} is no IPv4 address`);
  return tagged(
    SAN_TAGS[kind],
    kind === 'IP' ? Buffer.from(value.split('.').map(Number)) : Buffer.from(value),
  );
};

const extension = (id, content, isCritical = false) =>
  sequence(oid(id), ...(isCritical ? [TRUE] : []), octets(content));
const KEY_USAGE = '2.5.29.15';
const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

/** RFC 5280, section 4.2.1.2: of the bits of the public key, which end its SPKI. */
const keyId = (spki) => createHash('sha1').update(spki.subarray(-65)).digest();

const inPem = (der) =>
  [
    '-----BEGIN CERTIFICATE-----',
    der.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n'),
    '-----END CERTIFICATE-----',
    '',
  ].join('\n');

const issue = ({ subject, days, extensions }, issuer) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const signer = issuer === undefined ? privateKey : createPrivateKey(issuer.key);
  const issuerSpki =
    issuer === undefined
      ? spki
      : new X509Certificate(issuer.cert).publicKey.export({ type: 'spki', format: 'der' });
  const serial = randomBytes(16);
  serial[0] = (serial[0] & 0x7f) | 0x40;
  const nowMs = Date.now();
  const content = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, serial),
    ECDSA_WITH_SHA256,
    nameOf(issuer === undefined ? subject : 'Rekey'),
    sequence(time(nowMs - VALID_BEFORE_MS), time(nowMs + days * DAY_MS)),
    nameOf(subject),
    spki,
    tagged(
      0xa3,
      sequence(
        ...extensions,
        extension('2.5.29.14', octets(keyId(spki))),
        extension('2.5.29.35', sequence(tagged(0x80, keyId(issuerSpki)))),
      ),
    ),
  );
  const signature = sign('sha256', content, signer);
  return {
    cert: inPem(sequence(content, ECDSA_WITH_SHA256, bits(signature))),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
};

/** An authority, as `{ cert, key }` in PEM, valid for ten years. */
export const makeAuthority = () =>
  issue({
    subject: 'Rekey',
    days: 3650,
    extensions: [
      extension('2.5.29.19', sequence(TRUE), true),
      // It signs certificates and lists of revoked ones.
      extension(KEY_USAGE, bits(Buffer.from([0x06]), 1), true),
    ],
  });

/** A certificate by an authority, for a server or a client, valid for 397 days. */
export const issueCertificate = (authority, { subject, names, isServer }) =>
  issue(
    {
      subject,
      days: 397,
      extensions: [
        extension('2.5.29.19', sequence(), true),
        extension(KEY_USAGE, bits(Buffer.from([0x80]), 7), true),
        extension('2.5.29.37', sequence(oid(`1.3.6.1.5.5.7.3.${isServer ? 1 : 2}`))),
        extension('2.5.29.17', sequence(...names.map(alternativeName))),
      ],
    },
    authority,
  );

/**
 * Whether a certificate in PEM has this many days left, fits its private key, and is one that the authority
 * has issued.
 */
export const isFresh = ({ cert, key }, authority, days) => {
  try {
    const read = new X509Certificate(cert);
    if (!read.checkPrivateKey(createPrivateKey(key))) return false;
    const isIssued = read.verify(new X509Certificate(authority).publicKey);
    return isIssued && Date.parse(read.validTo) - Date.now() > days * DAY_MS;
  } catch {
    return false;
  }
};
