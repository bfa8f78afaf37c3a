#!/usr/bin/env bash
# Writes src/generated from the proto files. The options must match those in
# src/contract/service-definitions.ts.
set -euo pipefail
cd "$(dirname "$0")"
rm -rf src/generated
../../node_modules/.bin/proto-loader-gen-types \
  --longs=String --enums=String --defaults --oneofs --grpcLib=@grpc/grpc-js --importFileExtension=.ts \
  --includeDirs ../../proto --outDir src/generated \
  rekey/v1/{rotation,assistant,sweep,system,bulk,policy,consumer,access,activity,event}.proto

# Server reflection serves these descriptors. Those of proto-loader do not say which file imports which, and
# clients refuse them.
descriptors=$(
  ../../node_modules/.bin/buf build ../../proto --as-file-descriptor-set --exclude-source-info -o - |
    base64 -w 0
)
cat >src/generated/descriptors.ts <<TS
/** A google.protobuf.FileDescriptorSet of the whole contract, base64. */
export const descriptorSet = '$descriptors';
TS

node write-contract.mjs
