import { generateKeyPairSync, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Who calls with a JWT, and the least role that is enough. The requester has an access token of Rekey. */
const roles = { operator: 'operator', watcher: 'viewer', admin: 'admin' } as const;
type Role = keyof typeof roles;

export interface Identity {
  /** The name under which Rekey records what it does. */
  principal: string;
  token: string;
}

export interface Identities extends Record<Role, Identity> {
  accessFile: string;
}

const [ISSUER, AUDIENCE] = ['https://idp.chaos.example', 'rekey'];
const VALID_FOR_S = 24 * 3600;

const inBase64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Makes the keys of an issuer, an access file for its tokens, and a token for each caller. */
export const createIdentities = async (folder: string): Promise<Identities> => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const [jwks, accessFile] = [join(folder, 'jwks.json'), join(folder, 'access.yaml')];
  const keys = [{ ...publicKey.export({ format: 'jwk' }), alg: 'EdDSA', use: 'sig' }];
  await writeFile(jwks, JSON.stringify({ keys }), { mode: 0o600 });
  const signed = (sub: string): string => {
    const exp = Math.floor(Date.now() / 1000) + VALID_FOR_S;
    const claims = { iss: ISSUER, aud: AUDIENCE, sub, exp };
    const text = `${inBase64url({ alg: 'EdDSA', typ: 'JWT' })}.${inBase64url(claims)}`;
    return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
  };
  const identityOf = (name: Role): Identity => ({
    principal: `jwt:${ISSUER}#${name}`,
    token: signed(name),
  });
  const identities = {
    operator: identityOf('operator'),
    watcher: identityOf('watcher'),
    admin: identityOf('admin'),
  };
  const bindings = Object.entries(roles).map(([name, role]) => ({
    principals: [identities[name as Role].principal],
    role,
    orgs: ['*'],
  }));
  const issuers = [{ issuer: ISSUER, audience: AUDIENCE, algorithms: ['EdDSA'], jwks }];
  // JSON is YAML.
  await writeFile(accessFile, JSON.stringify({ issuers, bindings }), { mode: 0o600 });
  return { ...identities, accessFile };
};
