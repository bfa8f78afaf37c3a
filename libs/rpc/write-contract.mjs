// Writes src/generated/contract.ts: the contract as protobufjs reads it, so that nothing reads a .proto file
// at run time.
import { globSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const own = join(here, '../../proto');
const health = join(
  dirname(createRequire(import.meta.url).resolve('grpc-health-check/package.json')),
  'proto',
);

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => join(target.startsWith('health/') ? health : own, target);
root.loadSync([...globSync('rekey/v1/*.proto', { cwd: own }).toSorted(), 'health/v1/health.proto']);
root.resolveAll();
writeFileSync(
  join(here, 'src/generated/contract.ts'),
  `/** The contract and grpc.health.v1, as JSON for protobufjs. */
export const contractJson = '${JSON.stringify(root.toJSON()).replaceAll(/[\\']/g, '\\$&')}';
`,
);
