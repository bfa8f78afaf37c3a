// Rotates one secret key, waits until the new key is in force, and shows which consumers have applied it.
// rotate-and-wait.ts ORG ASSISTANT [REQUEST_ID]
import { RekeyClientError, createRekeyClient } from '@rekey/client';

const [orgId = 'org_demo', assistantId = 'ast_1', requestId] = process.argv.slice(2);
const caFile = process.env['REKEY_CA_FILE'];
const tokenFile = process.env['REKEY_TOKEN_FILE'];

const rekey = createRekeyClient({
  address: process.env['GRPC_ADDRESS'] ?? '127.0.0.1:50051',
  ...(caFile && { tls: { ca: { file: caFile } } }),
  ...(tokenFile && { token: { file: tokenFile } }),
});

try {
  const rotation = await rekey.rotateAndWait(
    { orgId, assistantId, reason: 'an example', ...(requestId && { requestId }) },
    { timeoutMs: 60_000 },
  );
  console.log(
    `${rotation.id} version ${rotation.version} is in force since ${rotation.endTime?.toISOString()}`,
  );
  for (const { name, state } of rotation.consumers ?? []) console.log(`${name} ${state}`);
} catch (error) {
  if (!(error instanceof RekeyClientError)) throw error;
  // A rotation that has not ended continues. If it is unknown whether Rekey recorded it, request it again
  // with the same request_id.
  const id = error.rotation?.id ?? `request_id ${error.requestId}`;
  console.error(`${error.message} ${error.advice} (${id})`);
  process.exitCode = 1;
} finally {
  rekey.close();
}
