// The certificates of docker-compose.yml in a folder: an authority, one for the gateway, and one for whoever
// may use the secrets, an administrator. What exists stays until it nears its end, unless only a part of it
// was written; an authority lasts for ten years. Each file is written in place: containers have mounted it,
// and gateways follow its content.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isFresh, issueCertificate, makeAuthority } from './certificates.mjs';

const RENEW_AT_DAYS = 100;

export const ADMIN = 'spiffe://rekey/admin';

const CERTIFICATES = {
  'gateway-tls': {
    subject: 'gateway',
    names: ['DNS:gateway', 'DNS:localhost', 'IP:127.0.0.1'],
    isServer: true,
  },
  'admin-tls': { subject: 'admin', names: [`URI:${ADMIN}`], isServer: false },
};

const readIn = (folder, name) => {
  const path = join(folder, name);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
};

/**
 * `write` writes a file of the folder for gateway and worker, `writeOwn` one for the caller alone. Returns
 * the names of what was made.
 */
export const provideCertificates = (folder, { write, writeOwn }) => {
  const made = [];
  let authority = { cert: readIn(folder, 'ca.pem'), key: readIn(folder, 'ca.key') };
  if (!isFresh(authority, authority.cert, RENEW_AT_DAYS)) {
    authority = makeAuthority();
    writeOwn('ca.key', authority.key);
    write('ca.pem', authority.cert);
    made.push('ca');
  }
  for (const [name, wanted] of Object.entries(CERTIFICATES)) {
    const before = { cert: readIn(folder, `${name}.pem`), key: readIn(folder, `${name}.key`) };
    if (isFresh(before, authority.cert, RENEW_AT_DAYS)) continue;
    const { cert, key } = issueCertificate(authority, wanted);
    write(`${name}.key`, key);
    write(`${name}.pem`, cert);
    made.push(name);
  }
  return made;
};
