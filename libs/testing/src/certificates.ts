import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The paths of a certificate and its private key, in PEM. */
export interface CertificatePaths {
  cert: string;
  key: string;
}

export interface CertificateAuthority extends CertificatePaths {
  /** The folder of all its files. */
  readonly folder: string;
  /**
   * Issues a certificate for a server or a client. Names as in OpenSSL, such as `DNS:localhost`,
   * `IP:127.0.0.1` or `URI:spiffe://example.com/billing`; none for a certificate without them.
   */
  issue(name: string, names: readonly string[]): Promise<CertificatePaths>;
  /** Issues one that is valid between two days, such as `20200101`, and no longer. */
  issueBetween(
    name: string,
    names: readonly string[],
    days: { from: string; until: string },
  ): Promise<CertificatePaths>;
  /** Removes the folder. */
  dispose(): Promise<void>;
}

const DAYS = '2';
const REQUEST_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const NEW_KEY = [...REQUEST_KEY, '-days', DAYS];

/** What `openssl ca` needs, of which nothing is kept. */
const AUTHORITY = [
  '[any]',
  'commonName = supplied',
  '[own]',
  'new_certs_dir = .',
  'rand_serial = yes',
  'default_md = sha256',
  'policy = any',
  'x509_extensions = extensions',
].join('\n');

/** A certificate authority with a folder of its own, made by openssl. */
export const createAuthority = async (): Promise<CertificateAuthority> => {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-ca-'));
  const pathsOf = (name: string): CertificatePaths => ({
    cert: join(folder, `${name}.pem`),
    key: join(folder, `${name}.key`),
  });
  const request = async (name: string, args: readonly string[]): Promise<CertificatePaths> => {
    const { cert, key } = pathsOf(name);
    const subject = ['-subj', `/CN=${name}`, '-keyout', key, '-out', cert];
    await promisify(execFile)('openssl', ['req', '-x509', ...NEW_KEY, ...subject, ...args]);
    return { cert, key };
  };
  const own = await request('ca', ['-addext', 'basicConstraints=critical,CA:TRUE']);
  /** As a section of a configuration: a name may then hold commas. */
  const extensionsOf = async (name: string, names: readonly string[]): Promise<string[]> => {
    const path = join(folder, `${name}.cnf`);
    const lines = names.map((one, i) => {
      const [, kind, value] = /^([A-Za-z]+):(.*)$/.exec(one)!;
      return `${kind}.${i} = ${value!.replaceAll(/[#"\\$]/g, '\\$&')}`;
    });
    await writeFile(
      path,
      [
        '[req]',
        'distinguished_name = subject',
        '[subject]',
        '[extensions]',
        'basicConstraints = critical, CA:FALSE',
        ...(names.length > 0 ? ['subjectAltName = @names', '[names]', ...lines] : []),
        '',
      ].join('\n'),
    );
    return ['-config', path, '-extensions', 'extensions'];
  };
  return {
    ...own,
    folder,
    issue: async (name, names) =>
      request(name, ['-CA', own.cert, '-CAkey', own.key, ...(await extensionsOf(name, names))]),
    issueBetween: async (name, names, { from, until }) => {
      const { cert, key } = pathsOf(name);
      const csr = join(folder, `${name}.csr`);
      const openssl = (args: string[]) => promisify(execFile)('openssl', args, { cwd: folder });
      const [, config = ''] = await extensionsOf(name, names);
      await openssl(['req', ...REQUEST_KEY, '-subj', `/CN=${name}`, '-keyout', key, '-out', csr]);
      await writeFile(join(folder, `${name}.index`), '');
      const section = `[ca]\ndefault_ca = own\n${AUTHORITY}\ndatabase = ${name}.index\n`;
      await writeFile(config, section + (await readFile(config, 'utf8')));
      const dates = ['-startdate', `${from}000000Z`, '-enddate', `${until}000000Z`];
      const by = ['-batch', '-config', config, '-cert', own.cert, '-keyfile', own.key];
      await openssl(['ca', ...by, ...dates, '-in', csr, '-out', cert, '-notext']);
      return { cert, key };
    },
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
};
