import { loadPackageDefinition, type MethodDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { describe, expect, it } from '@jest/globals';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadContract } from './load.ts';

const protoRoot = fileURLToPath(new URL('../../../../proto', import.meta.url));
/** The contract as proto-loader reads it from the proto files. */
const read = loadPackageDefinition(
  loadSync(globSync('rekey/v1/*.proto', { cwd: protoRoot }), {
    includeDirs: [protoRoot],
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  }),
) as unknown as { rekey: { v1: Record<string, { service?: ServiceDefinition }> } };
const contract = loadContract();
const embedded = contract.v1 as unknown as Record<string, { service: ServiceDefinition }>;
const services = Object.entries(read.rekey.v1).flatMap(([name, { service }]) =>
  service ? [[name, service] as const] : [],
);
const methods = services.flatMap(([service, definition]) =>
  Object.entries(definition).map(([name, method]) => [`${service}.${name}`, service, name, method] as const),
);

const bytesOf = (fields: number[]): Buffer => Buffer.from(fields.flatMap((field) => [(field << 3) | 2, 0]));

describe('the embedded contract', () => {
  it('has the services of the proto files', () => {
    expect(services.length).toBeGreaterThan(8);
    expect(Object.keys(embedded).toSorted()).toEqual(services.map(([name]) => name).toSorted());
  });

  it.each(methods)('%s reads and writes as proto-loader would', (_title, service, name, ofFiles) => {
    // With the messages of this method alone.
    const ofMethod = loadContract();
    const { path, requestStream, responseStream, originalName, ...own } = (
      ofMethod.v1 as unknown as typeof embedded
    )[service]!.service[name] as MethodDefinition<object, object>;
    expect({ path, requestStream, responseStream, originalName }).toEqual({
      path: ofFiles.path,
      requestStream: ofFiles.requestStream,
      responseStream: ofFiles.responseStream,
      originalName: ofFiles.originalName,
    });
    const { fieldsArray } = ofMethod.requestTypeOf(path);
    const set = bytesOf(fieldsArray.filter(({ type }) => type === 'string').map(({ id }) => id));
    for (const bytes of [Buffer.alloc(0), set]) {
      const request = own.requestDeserialize(bytes);
      expect(request).toEqual(ofFiles.requestDeserialize(bytes));
      expect(own.requestSerialize(request)).toEqual(ofFiles.requestSerialize(request));
    }
    expect(own.responseDeserialize(Buffer.alloc(0))).toEqual(ofFiles.responseDeserialize(Buffer.alloc(0)));
  });

  it('keeps whole numbers of 64 bits exactly', () => {
    const { requestSerialize, requestDeserialize } = contract.v1.ConsumerService.service.GetRegistry;
    const request = { registryRev: '9007199254740993' };
    expect(requestDeserialize(requestSerialize(request))).toMatchObject(request);
  });

  it('checks health as grpc.health.v1 defines it', () => {
    const { path, requestSerialize, responseDeserialize } = contract.health['Check']!;
    expect(path).toBe('/grpc.health.v1.Health/Check');
    expect(requestSerialize({ service: 'x' })).toEqual(Buffer.from([0x0a, 1, 0x78]));
    expect(responseDeserialize(Buffer.from([0x08, 1]))).toEqual({ status: 'SERVING' });
  });
});
