// Shows the status of Rekey, the newest rotations of an org, and the key version of the last assistant.
// look-around.ts ORG
import { createRekeyClient } from '@rekey/client';

const [orgId = 'org_demo'] = process.argv.slice(2);
const tokenFile = process.env['REKEY_TOKEN_FILE'];
const rekey = createRekeyClient({
  address: process.env['GRPC_ADDRESS'] ?? '127.0.0.1:50051',
  ...(tokenFile && { token: { file: tokenFile } }),
  deadlineMs: 5000,
});

try {
  console.log(`health: ${await rekey.health()}`);
  const { openRotationCount, frozen } = await rekey.getStatus();
  console.log(`${openRotationCount} rotations are open${frozen ? `; frozen: ${frozen.reason}` : ''}`);

  const { rotations } = await rekey.listRotations({ orgId, state: 'SUCCEEDED', pageSize: 5 });
  for (const { id, assistantId, createTime } of rotations)
    console.log(`${createTime.toISOString()} ${id} ${assistantId}`);

  const [newest] = rotations;
  if (newest) {
    const { version, cause, sealed } = await rekey.getAssistant(newest.assistantId);
    console.log(
      `${newest.assistantId} has version ${version} (${cause}), sealed in ${sealed?.length} characters`,
    );
  }
} finally {
  rekey.close();
}
