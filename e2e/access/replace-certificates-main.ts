import { parseArgs } from 'node:util';
import { replaceCertificates } from './replace-certificates.ts';

/*
 * npm run certificates [-- --seconds 60 --every-ms 1000 --clients 4]: replaces the certificate of a gateway
 * under load, every second time by one that cannot be served. The verdict: no call fails, and no connection
 * is served anything but a certificate that was whole in its place.
 */

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    'every-ms': { type: 'string', default: '1000' },
    clients: { type: 'string', default: '4' },
  },
});
const verdict = await replaceCertificates({
  seconds: Number(values.seconds),
  everyMs: Number(values['every-ms']),
  clients: Number(values.clients),
});
process.stdout.write(`${JSON.stringify(verdict, null, 2)}\n`);
process.exit(verdict.failures.length === 0 && verdict.wrong === 0 ? 0 : 1);
