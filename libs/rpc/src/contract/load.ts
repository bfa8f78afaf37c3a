import type { ServiceDefinition } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import protobuf from 'protobufjs/light.js';
import type { ProtoGrpcType as AccessProto } from '../generated/access.ts';
import type { ProtoGrpcType as ActivityProto } from '../generated/activity.ts';
import type { ProtoGrpcType as AssistantProto } from '../generated/assistant.ts';
import type { ProtoGrpcType as BulkProto } from '../generated/bulk.ts';
import type { ProtoGrpcType as ConsumerProto } from '../generated/consumer.ts';
import type { ProtoGrpcType as EventProto } from '../generated/event.ts';
import { contractJson } from '../generated/contract.ts';
import { descriptorSet } from '../generated/descriptors.ts';
import type { ProtoGrpcType as PolicyProto } from '../generated/policy.ts';
import type { ProtoGrpcType as RotationProto } from '../generated/rotation.ts';
import type { ProtoGrpcType as SweepProto } from '../generated/sweep.ts';
import type { ProtoGrpcType as SystemProto } from '../generated/system.ts';
import { messageTypes, type PackageJson, type TypeJson } from './message-types.ts';
import { serviceDefinition, servicesOf } from './service-definitions.ts';

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

interface RequestField {
  name: string;
  id: number;
  /** `string`, `bool`, a kind of number, or the name of a message or enum, which `resolve` finds. */
  type: string;
  repeated: boolean;
  resolvedType: object | null;
  resolve(): RequestField;
}

export interface Contract {
  v1: AllProtos['rekey']['v1'];
  /** grpc.health.v1 */
  health: ServiceDefinition;
  /** The descriptors that server reflection serves. */
  reflection(): PackageDefinition;
  /** The request of a method of `v1`, such as `/rekey.v1.RotationService/GetRotation`. */
  requestTypeOf(path: string): { fieldsArray: RequestField[] };
}

const PACKAGE = 'rekey.v1';
const HEALTH = 'grpc.health.v1';

interface ContractJson {
  nested: {
    rekey: { nested: { v1: { nested: PackageJson } } };
    grpc: { nested: { health: { nested: { v1: { nested: PackageJson } } } } };
    google: TypeJson;
  };
}

/**
 * The gRPC contract, as generated from the proto files, which are not read. It is made without proto-loader:
 * that describes every message at once, for a tenth of a second of each command of `rekey`.
 */
export const loadContract = (): Contract => {
  const { rekey, grpc, google } = (JSON.parse(contractJson) as ContractJson).nested;
  const own = rekey.nested.v1.nested;
  const typeOf = messageTypes(PACKAGE, own, { google });
  const ofHealth = grpc.nested.health.nested.v1.nested;
  return {
    v1: servicesOf(PACKAGE, own, typeOf) as Contract['v1'],
    health: serviceDefinition(
      `${HEALTH}.Health`,
      ofHealth['Health']!.methods!,
      messageTypes(HEALTH, ofHealth, {}),
    ),
    reflection: reflectionDefinition,
    requestTypeOf: (path) => {
      const [, service = '', method = ''] = path.split('/');
      return typeOf(own[service.slice(`${PACKAGE}.`.length)]!.methods![method]!.requestType);
    },
  };
};

/** A google.protobuf.FileDescriptorSet, whose files stay encoded. */
const descriptorSetType = new protobuf.Type('FileDescriptorSet').add(
  new protobuf.Field('file', 1, 'bytes', 'repeated'),
);

/**
 * The descriptors in the only form that @grpc/reflection accepts: attached to one loaded type.
 */
const reflectionDefinition = (): PackageDefinition => {
  const { file } = descriptorSetType.decode(Buffer.from(descriptorSet, 'base64')) as unknown as {
    file: Buffer[];
  };
  return {
    contract: {
      format: 'Protocol Buffer 3 DescriptorProto',
      type: {},
      fileDescriptorProtos: file,
    },
  } as unknown as PackageDefinition;
};
