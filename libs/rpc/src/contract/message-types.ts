import protobuf from 'protobufjs/light.js';

/** A message, an enum or a service, in the JSON of protobufjs. */
export interface TypeJson {
  fields?: Record<string, { type: string; id: number }>;
  nested?: Record<string, TypeJson>;
  values?: Record<string, number>;
  methods?: Record<string, MethodJson>;
}

export interface MethodJson {
  requestType: string;
  responseType: string;
  requestStream?: boolean;
  responseStream?: boolean;
}

/** What a package defines, by name. */
export type PackageJson = Record<string, TypeJson>;

/** The message of a package that has this name. */
export type MessageTypes = (name: string) => protobuf.Type;

/** The names of the types of the fields, with those of messages inside the message. */
const typesIn = ({ fields = {}, nested = {} }: TypeJson): string[] => [
  ...Object.values(fields).map(({ type }) => type),
  ...Object.values(nested).flatMap(typesIn),
];

/**
 * The messages of a package. Each is made when it is first asked for, with those that it needs: all of them
 * together would take a command of `rekey`, which uses a few, as long as the call itself.
 */
export const messageTypes = (
  packageName: string,
  own: PackageJson,
  imported: Record<string, TypeJson>,
): MessageTypes => {
  const root = protobuf.Root.fromJSON({ nested: imported as Record<string, protobuf.AnyNestedObject> });
  const made = root.define(packageName);
  const make = (name: string): void => {
    const [first = ''] = name.split('.');
    const json = own[first];
    // A type inside a message comes with the message, and a number is no type of the package.
    if (json === undefined || made.get(first) !== null) return;
    made.addJSON({ [first]: json as protobuf.AnyNestedObject });
    typesIn(json).forEach(make);
  };
  return (name) => {
    if (made.get(name) === null) {
      make(name);
      root.resolveAll();
    }
    return made.lookupType(name);
  };
};
