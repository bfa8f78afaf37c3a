import { fileURLToPath } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { ProtoGrpcType as AssistantProto } from './generated/assistant.ts';
import type { ProtoGrpcType as RotationProto } from './generated/rotation.ts';

const protoRoot = fileURLToPath(new URL('../../../proto/', import.meta.url));

export interface Contract {
  /** As server reflection wants it. */
  definition: PackageDefinition;
  v1: RotationProto['rekey']['v1'] & AssistantProto['rekey']['v1'];
}

/** Loads the gRPC contract. The options must match those of generate.sh, which makes the types. */
export const loadContract = (): Contract => {
  const definition = loadSync(['rekey/v1/rotation.proto', 'rekey/v1/assistant.proto'], {
    includeDirs: [protoRoot],
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  const loaded = loadPackageDefinition(definition) as unknown as RotationProto & AssistantProto;
  return { definition, v1: loaded.rekey.v1 };
};
