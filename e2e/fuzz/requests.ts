import { randomUUID } from 'node:crypto';
import { loadContract, type Contract } from '@rekey/rpc';
import type { FloodTarget } from '../floods/floods.ts';
import { textField } from '../floods/raw-connection.ts';
import type { Random } from './random.ts';

/** A method of the gateway, and requests of it that are valid. */
export interface Method {
  path: string;
  /** Its responses have no end, or it is slow: called less often. */
  isRare: boolean;
  takesStream: boolean;
  request(random: Random): Buffer;
}

type Field = ReturnType<Contract['requestTypeOf']>['fieldsArray'][number];

interface Definition {
  path: string;
  requestStream: boolean;
  responseStream: boolean;
  requestSerialize(request: object): Buffer;
}

type Ids = Pick<FloodTarget, 'rotationId' | 'bulkRotationOfRotationId' | 'bulkRotationId'>;

const messages: Record<string, (random: Random) => object> = {
  Timestamp: (random) => ({ seconds: 1_790_000_000 + random.below(1e6), nanos: random.below(1e9) }),
  Duration: (random) => ({ seconds: random.below(2), nanos: random.below(1e9) }),
  Canary: (random) => ({ count: random.below(10) }),
  FailureLimit: (random) => ({ percent: random.below(100) }),
  RotationWindow: () => ({ cron: '0 3 * * *', timeZone: 'UTC', length: { seconds: 3600 } }),
  FieldMask: () => ({ paths: ['every_days'] }),
  RotationPolicy: (random) => ({ id: `pol_${'0'.repeat(26)}`, everyDays: 1 + random.below(90) }),
};

const textOf = (name: string, ids: Ids, random: Random): string => {
  switch (name) {
    case 'id':
      return random.pick(Object.values(ids));
    case 'orgId':
    case 'orgs':
      return `org_${random.below(20)}`;
    case 'requestId':
      return random.chance(0.5) ? randomUUID() : '5a4e3c1a-0000-4000-8000-000000000001';
    case 'pageToken':
    case 'search':
      return '';
    default:
      return `${name}_${random.below(100)}`;
  }
};

const valueOf = ({ name, type, resolvedType }: Field, ids: Ids, random: Random): unknown => {
  if (type === 'string') return textOf(name, ids, random);
  if (type === 'bool') return random.chance(0.5);
  // Neither a number nor an enum.
  if (resolvedType && 'fields' in resolvedType) return messages[type.split('.').at(-1)!]?.(random) ?? {};
  return random.below(8);
};

const requestOf = (fields: Field[], ids: Ids, random: Random): object =>
  Object.fromEntries(
    fields
      .filter(() => random.chance(0.8))
      .map((field) => {
        const one = () => valueOf(field, ids, random);
        return [field.name, field.repeated ? Array.from({ length: random.below(5) }, one) : one()];
      }),
  );

/** All that the gateway serves. */
export const methodsOf = (ids: Ids): Method[] => {
  const contract = loadContract();
  const definitions = Object.values(contract.v1).flatMap((one) =>
    'service' in one ? (Object.values(one.service) as unknown as Definition[]) : [],
  );
  /** Resolved, so that messages are known as such. */
  const fieldsOf = (path: string) => contract.requestTypeOf(path).fieldsArray.map((one) => one.resolve());
  const own = definitions.map(({ path, requestStream, responseStream, requestSerialize }): Method => ({
    path,
    isRare: responseStream || path.endsWith('GetStatus'),
    takesStream: requestStream,
    request: (random) => requestSerialize(requestOf(fieldsOf(path), ids, random)),
  }));
  const others = [
    { path: '/grpc.health.v1.Health/Check', isRare: false, takesStream: false },
    { path: '/grpc.health.v1.Health/Watch', isRare: true, takesStream: false },
    { path: '/grpc.health.v1.Health/List', isRare: false, takesStream: false },
    { path: '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', isRare: true, takesStream: true },
    { path: '/rekey.v1.RotationService/NoSuchMethod', isRare: true, takesStream: false },
  ];
  return [
    ...own,
    ...others.map((one): Method => ({
      ...one,
      request: (random) =>
        textField(random.pick([1, 3, 4, 7]), random.pick(['', 'rekey.v1.RotationService'])),
    })),
  ];
};
