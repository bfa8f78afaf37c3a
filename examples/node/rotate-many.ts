// Rotates the keys of many assistants and follows the bulk rotation to its end.
// rotate-many.ts ORG FILE, where FILE has one assistant id per line
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createRekeyClient } from '@rekey/client';

const [orgId = 'org_demo', file = '/dev/stdin'] = process.argv.slice(2);
const tokenFile = process.env['REKEY_TOKEN_FILE'];
const rekey = createRekeyClient({
  address: process.env['GRPC_ADDRESS'] ?? '127.0.0.1:50051',
  ...(tokenFile && { token: { file: tokenFile } }),
});

try {
  await rekey.ready();
  const { id } = await rekey.createBulkRotation({
    orgId,
    reason: 'an example',
    // A function, so that all ids can be sent again if the gateway stops in the middle.
    assistantIds: () => createInterface({ input: createReadStream(file) }),
    maxFailures: { percent: 1 },
  });

  for await (const { state, counts, rate = 0 } of rekey.watchBulkRotation(id, { untilStopped: true })) {
    const done = counts.succeeded + counts.shared;
    console.log(`${id} ${state}: ${done} of ${counts.total}, ${counts.failed} failed, ${rate.toFixed(1)}/s`);
  }

  for await (const { assistantId, error } of rekey.bulkItems(id, { state: 'FAILED' })) {
    console.log(`${assistantId} ${error?.reason}: ${error?.advice}`);
  }
} finally {
  rekey.close();
}
