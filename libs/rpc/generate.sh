#!/usr/bin/env bash
# Writes src/generated from the proto files. The options must match those of the loader in src/load.ts.
set -euo pipefail
cd "$(dirname "$0")"
rm -rf src/generated
../../node_modules/.bin/proto-loader-gen-types --longs=String --enums=String --defaults --oneofs --grpcLib=@grpc/grpc-js \
  --importFileExtension=.ts --includeDirs ../../proto --outDir src/generated rekey/v1/rotation.proto rekey/v1/assistant.proto
