import { fileURLToPath } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import type { ProtoGrpcType as AccessProto } from './generated/access.ts';
import type { ProtoGrpcType as ActivityProto } from './generated/activity.ts';
import type { ProtoGrpcType as AssistantProto } from './generated/assistant.ts';
import type { ProtoGrpcType as BulkProto } from './generated/bulk.ts';
import type { ProtoGrpcType as ConsumerProto } from './generated/consumer.ts';
import type { ProtoGrpcType as EventProto } from './generated/event.ts';
import { descriptorSet } from './generated/descriptors.ts';
import type { ProtoGrpcType as PolicyProto } from './generated/policy.ts';
import type { ProtoGrpcType as RotationProto } from './generated/rotation.ts';
import type { ProtoGrpcType as SweepProto } from './generated/sweep.ts';
import type { ProtoGrpcType as SystemProto } from './generated/system.ts';

const protoRoot = fileURLToPath(new URL('../../../proto/', import.meta.url));

type AllProtos = RotationProto &
  AssistantProto &
  SweepProto &
  SystemProto &
  BulkProto &
  PolicyProto &
  ConsumerProto &
  AccessProto &
  ActivityProto &
  EventProto;

export interface Contract {
  /** The descriptors that server reflection serves. */
  reflection: PackageDefinition;
  v1: AllProtos['rekey']['v1'];
}

/** Loads the gRPC contract. The options must match those of generate.sh, which writes the types. */
export const loadContract = (): Contract => {
  const definition = loadSync(
    ['rotation', 'assistant', 'sweep', 'system', 'bulk', 'policy', 'consumer', 'access', 'activity', 'event'].map(
      (name) => `rekey/v1/${name}.proto`,
    ),
    {
      includeDirs: [protoRoot],
      longs: String,
      enums: String,
      defaults: true,
      oneofs: true,
    },
  );
  const loaded = loadPackageDefinition(definition) as unknown as AllProtos;
  return { reflection: reflectionDefinition(), v1: loaded.rekey.v1 };
};

/**
 * The descriptors in the only form that @grpc/reflection accepts: attached to one loaded type.
 */
const reflectionDefinition = (): PackageDefinition => {
  const { file } = descriptor.FileDescriptorSet.decode(Buffer.from(descriptorSet, 'base64')) as unknown as {
    file: protobuf.Message[];
  };
  const fileDescriptorProtos = file.map((proto) =>
    Buffer.from(descriptor.FileDescriptorProto.encode(proto).finish()),
  );
  return {
    contract: {
      format: 'Protocol Buffer 3 DescriptorProto',
      type: {},
      fileDescriptorProtos,
    },
  } as unknown as PackageDefinition;
};
