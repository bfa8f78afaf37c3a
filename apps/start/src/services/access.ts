import { generateKeyPairSync, sign } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Launcher } from '../launcher/launcher.ts';
import { readVariable } from './environment.ts';

/** Who calls with the token of `npm start`: `jwt:npm-start#admin`. */
const [ISSUER, SUBJECT, AUDIENCE] = ['npm-start', 'admin', 'rekey'];
/** Longer than anybody leaves it running: each start makes a new one. */
const VALID_FOR_S = 366 * 24 * 3600;

const accessFile = (jwks: string): string => `\
# Who may call the gateway of npm start, as docs/guides/access.md describes. npm start creates this file once,
# and keeps your changes. Check them before you save: npx rekey access check FILE
issuers:
  # Each npm start makes a new key, and a token for you: .rekey/admin.token.
  - issuer: ${ISSUER}
    audience: ${AUDIENCE}
    algorithms: [EdDSA]
    jwks: ${JSON.stringify(jwks)}
bindings:
  - principals: ['jwt:${ISSUER}#${SUBJECT}']
    role: admin
    orgs: ['*']
`;

/** Whether a text is what `npm start` writes, in this folder or in the one that this was copied from. */
const isUnchanged = (text: string): boolean => {
  const anywhere = (content: string) => content.replace(/^ +jwks: .*$/m, '');
  return anywhere(text) === anywhere(accessFile(''));
};

/** Replaces the file as a whole: a reader finds the old content or the new one. */
const replaceFile = async (path: string, text: string): Promise<void> => {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
};

const inBase64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token (RFC 7519), and the key set that verifies it. Nobody keeps the private key. */
const makeToken = (): { token: string; jwks: object } => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const issuedS = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: SUBJECT, iat: issuedS, exp: issuedS + VALID_FOR_S };
  const text = `${inBase64url({ alg: 'EdDSA', typ: 'JWT' })}.${inBase64url(claims)}`;
  return {
    token: `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`,
    jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), alg: 'EdDSA', use: 'sig' }] },
  };
};

interface ProvidedAccess {
  /** For the gateway. */
  variables: Record<string, string>;
  /** For `rekey` and other callers. */
  callers: Record<string, string>;
}

/**
 * Makes an access file, once, and an administrator's token, at each start, without which nobody calls the
 * gateway. It depends on nothing in Redis: also an operator who repairs the ledger or the registry needs it.
 * Empty if the user has an access file.
 */
export const provideAccess = async ({ dataDir, terminal }: Launcher): Promise<ProvidedAccess> => {
  if (readVariable('REKEY_ACCESS_FILE') !== undefined) return { variables: {}, callers: {} };
  const [path, jwksPath, tokenPath] = ['access.yaml', 'access-keys.json', 'admin.token'].map((name) =>
    join(dataDir, name),
  ) as [string, string, string];
  const { token, jwks } = makeToken();
  await replaceFile(jwksPath, `${JSON.stringify(jwks)}\n`);
  await replaceFile(tokenPath, `${token}\n`);
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (before === undefined || isUnchanged(before)) await replaceFile(path, accessFile(jwksPath));
  if (before === undefined)
    terminal.say(`access     created ${path} and, for you, ${tokenPath}  (mode 0600)`);
  return { variables: { REKEY_ACCESS_FILE: path }, callers: { REKEY_TOKEN_FILE: tokenPath } };
};
