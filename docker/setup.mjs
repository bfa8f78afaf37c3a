// Creates the files that docker-compose.yml mounts as secrets, in the folder of SECRETS:
//   docker compose run --rm setup [CONSUMER …]
// It keeps what exists: passwords, the access file and the key file are made once, and certificates again
// when they near their end. INVENT_API_KEY, if it is set, replaces the API key. It copies a key file of the
// volume `keys`, where earlier versions kept it, and ends with 1 if secrets/key-file.json is another one.
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addSigningKey, createGatewayKeyFile, createKeyFile, loadKeyFile } from '@rekey/sealing';
import { filesIn } from './files.mjs';
import { ADMIN, provideCertificates } from './provide-certificates.mjs';

const folder = process.env['SECRETS'] || '/secrets';
/** Of its own: an editor replaces the file, which the mount of a file would not show. */
const accessFolder = process.env['ACCESS'] || '/access';
const apiKey = process.env['INVENT_API_KEY']?.trim();
/** The user of gateway and worker in the image. */
const owner = Number(process.env['SECRETS_OWNER'] || 1000);
const earlierKeyFile = process.env['EARLIER_KEY_FILE'] || '/keys/rekey.json';

const commands = '-@all +@read +@write +@connection +@transaction +@scripting +@pubsub -@dangerous';
const keys = '{rekey}:';
const rights = {
  admin: '~* &* +@all',
  // It does not change published records.
  gateway:
    `~${keys}[^ac]* ~${keys}assistant:* ~${keys}accepted ~${keys}acks* ~${keys}activity ~${keys}adopted:* ` +
    `~${keys}changes:* ~${keys}checks* ~${keys}consumers %R~${keys}a* %R~${keys}c* &${keys}* ` +
    `${commands} +info +time +wait`,
  worker: `~${keys}* &${keys}* ${commands} +info +time +wait +bgrewriteaof`,
};
/** A consumer reads what is for all, and writes to its own stream of acknowledgements. */
const rightsOfConsumer = (name) =>
  ['events', 'consumers', 'orgs', 'assistants:*', 'current:*', 'uncertain']
    .map((key) => `%R~${keys}${key}`)
    .join(' ') +
  ` ~${keys}acks:${name} -@all +@connection -@dangerous ` +
  '+xread +xrevrange +xinfo +hget +smembers +sscan +zscan +mget +get +strlen +hscan ' +
  '+time +xadd +exists +info';

const files = filesIn(folder, owner);
const { pathOf, secure, write } = files;

const CONSUMER = /^[a-z0-9][a-z0-9-]{0,62}$/;
const URL_OF_CONSUMER = 'redis-url-consumer-';
const added = process.argv.slice(2);
const taken = ['default', 'health', 'consumer', ...Object.keys(rights)];
const unfit = added.find((name) => !CONSUMER.test(name) || taken.includes(name));
if (unfit !== undefined) {
  process.stderr.write(
    'The name of a consumer has lower-case letters, digits and hyphens, ' +
      `and is none of ${taken.join(', ')}.\n`,
  );
  process.exit(1);
}

/** The keys in a key file; its text if that is not a key file. */
const keysIn = (path) => {
  const text = readFileSync(path, 'utf8');
  try {
    return JSON.parse(text).keys.map(({ k, d }) => k ?? d);
  } catch {
    return [text];
  }
};
const keyFile = pathOf('key-file.json');
const isUpgrade = existsSync(earlierKeyFile);
// A signing key may have been added to the copy.
if (isUpgrade && existsSync(keyFile)) {
  const copied = keysIn(keyFile);
  if (!keysIn(earlierKeyFile).every((key) => copied.includes(key))) {
    process.stderr.write(
      'secrets/key-file.json and the key file in the volume `keys` have different keys.\n' +
        'Only the one that sealed the records of this Redis opens them. ' +
        'If Redis has data of an earlier version,\n' +
        'move secrets/key-file.json away and run this again. Otherwise, save the other file and remove its ' +
        'volume:\ndocker volume rm PROJECT_keys\n',
    );
    process.exit(1);
  }
}

chmodSync(folder, 0o711);

/** The password in a file, which is created if there is none. */
const passwordOf = (file, textOf) => {
  if (!existsSync(pathOf(file))) write(file, `${textOf(randomBytes(32).toString('base64url'))}\n`);
  const text = readFileSync(pathOf(file), 'utf8').trim();
  return text.startsWith('redis://') ? new URL(text).password : text;
};
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const urlFor = (user) => (password) => `redis://${user}:${password}@redis:6379`;
const userLine = (name, password, allowed) =>
  [`user ${name} on`, `#${sha256(password)}`, 'resetkeys resetchannels', allowed].join(' ');

const before = readdirSync(folder)
  .filter((name) => name.startsWith(URL_OF_CONSUMER))
  .map((name) => name.slice(URL_OF_CONSUMER.length));
const consumers = [...new Set([...before, ...added])].toSorted();
const users = [
  // Nobody uses Redis without a password. The user keeps its rights: Redis replays its append-only file with
  // them, and drops the transactions that they do not allow.
  'user default off resetpass ~* &* +@all',
  // The health check can PING, and nothing else.
  'user health on nopass resetkeys resetchannels -@all +ping',
  userLine(
    'admin',
    passwordOf('redis-password-admin', (password) => password),
    rights.admin,
  ),
  ...['gateway', 'worker'].map((user) =>
    userLine(user, passwordOf(`redis-url-${user}`, urlFor(user)), rights[user]),
  ),
  ...consumers.map((name) =>
    userLine(name, passwordOf(`${URL_OF_CONSUMER}${name}`, urlFor(name)), rightsOfConsumer(name)),
  ),
];
write('redis-users.acl', `${users.join('\n')}\n`, 0o444);

if (apiKey) write('invent-api-key', `${apiKey}\n`);
else if (!existsSync(pathOf('invent-api-key'))) write('invent-api-key', '');

if (isUpgrade && !existsSync(keyFile)) write('key-file.json', readFileSync(earlierKeyFile));
await createKeyFile(keyFile);
// One of an early version has none, and gateways need its public part.
await addSigningKey(keyFile, { mounted: true });
secure('key-file.json');

/** It follows from the key file, and is written again if that is another one. */
const gatewayKey = 'gateway-key.json';
rmSync(pathOf('gateway-key.new'), { force: true });
await createGatewayKeyFile(pathOf('gateway-key.new'), await loadKeyFile(keyFile, { mounted: true }));
const text = readFileSync(pathOf('gateway-key.new'), 'utf8');
rmSync(pathOf('gateway-key.new'));
if (!existsSync(pathOf(gatewayKey)) || readFileSync(pathOf(gatewayKey), 'utf8') !== text)
  write(gatewayKey, text);

provideCertificates(folder, files);

const accessFile = join(accessFolder, 'access.yaml');
if (!existsSync(accessFile))
  writeFileSync(
    accessFile,
    `# Who may call the gateway, as docs/guides/access.md describes. The gateway reads it again within a
# second of a change. Check a copy first: docker compose exec -T worker rekey access check /dev/stdin < FILE
bindings:
  # Whoever has secrets/admin-tls.key, as \`rekey\` in the container of the worker.
  - principals: [${ADMIN}]
    role: admin
    orgs: ['*']
`,
    { mode: 0o644 },
  );

process.stdout.write(
  'The access file is ./access/access.yaml. The secrets are in ./secrets. ' +
    'Keep a copy of key-file.json: without it, no sealed record can be opened.\n',
);
