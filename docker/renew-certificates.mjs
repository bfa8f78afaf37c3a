// Renews the certificates in the folder of SECRETS that near their end: at each `docker compose up`, and
//   docker compose run --rm certificates
// It makes none where there are no secrets: `setup` does that.
import { existsSync } from 'node:fs';
import { filesIn } from './files.mjs';
import { provideCertificates } from './provide-certificates.mjs';

const folder = process.env['SECRETS'] || '/secrets';
const files = filesIn(folder, Number(process.env['SECRETS_OWNER'] || 1000));
if (!existsSync(files.pathOf('ca.key'))) {
  process.stderr.write('There are no certificates in ./secrets: run docker compose run --rm setup\n');
  process.exit(1);
}
const made = provideCertificates(folder, files);
process.stdout.write(
  made.length === 0 ? 'No certificate nears its end.\n' : `Renewed: ${made.join(', ')}.\n`,
);
