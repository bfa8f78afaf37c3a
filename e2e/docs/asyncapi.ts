import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import asyncapiSpecs from '@asyncapi/specs';
import { repositoryRoot } from '@rekey/testing';
import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import { parse } from 'yaml';

/** A JSON Schema, or a part of the document that contains some. */
export type Json = Record<string, any>;

export const textOf = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8');

export const document: Json = parse(textOf('docs/reference/asyncapi.yaml')) as Json;
/** The JSON blocks of a Markdown file. */
export const jsonBlocksOf = (path: string): string[] =>
  [...textOf(path).matchAll(/^```json\n(.*?)^```$/gms)].map(([, text]) => text!);

// A CommonJS module: its default export is a property of what an import gets.
const addFormats = formats as unknown as typeof formats.default;

/** The errors of the document, by AsyncAPI's own schema. */
export const complaintsOfAsyncApi = (): unknown[] => {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats(ajv);
  const validate = ajv.compile(asyncapiSpecs.schemasWithoutId['3.0.0'] as Json);
  return validate(document) ? [] : validate.errors!;
};

const ajv = new Ajv({
  strict: true,
  allowUnionTypes: true,
  strictTypes: false,
  strictRequired: false,
  allErrors: true,
});
addFormats(ajv);
ajv.addVocabulary(['components', 'x-plaintext']);
// Only the part with the schemas: the rest of the document is no JSON Schema.
ajv.addSchema({ $id: 'asyncapi', components: { schemas: document['components'].schemas } }, 'asyncapi');

/** Compiles a schema of the document, by its name. Throws if there is none. */
export const validatorOf = (name: string): ValidateFunction =>
  ajv.getSchema(`asyncapi#/components/schemas/${name}`) ??
  ajv.compile({ $ref: `asyncapi#/components/schemas/${name}` });

/** The value at a pointer, for example `#/components/schemas/X`. */
export const at = (pointer: string): unknown =>
  pointer
    .split('/')
    .slice(1)
    .reduce<unknown>(
      (value, name) => (value as Json | undefined)?.[name.replaceAll('~1', '/').replaceAll('~0', '~')],
      document,
    );

/** Every value under a key, anywhere in the document. */
export const allUnder = (key: string, value: unknown = document): unknown[] =>
  typeof value !== 'object' || value === null
    ? []
    : Object.entries(value).flatMap(([name, inner]) => [
        ...(name === key ? [inner] : []),
        ...allUnder(key, inner),
      ]);

/** Replaces the references of a schema by their targets, and merges the parts of an `allOf`. */
const flatten = (schema: Json): Json => {
  const { $ref, allOf, ...own } = schema;
  const parts = [...($ref ? [at($ref) as Json] : []), ...((allOf ?? []) as Json[])].map(flatten);
  return [...parts, own].reduce<Json>((merged, part) => {
    const properties: Json = { ...merged['properties'] };
    for (const [name, property] of Object.entries((part['properties'] ?? {}) as Json))
      properties[name] = name in properties ? flatten({ allOf: [properties[name], property] }) : property;
    const required = [...new Set([...(merged['required'] ?? []), ...(part['required'] ?? [])])];
    return {
      ...merged,
      ...part,
      ...(Object.keys(properties).length > 0 && { properties }),
      ...(required.length > 0 && { required }),
    };
  }, {});
};

/** The fields of a value that its schema does not describe, unless the schema allows any field. */
export const undescribed = (schema: Json, value: unknown, path = ''): string[] => {
  const { properties, items, additionalProperties } = flatten(schema);
  if (Array.isArray(value))
    return items ? value.flatMap((item, i) => undescribed(items, item, `${path}[${i}]`)) : [];
  if (typeof value !== 'object' || value === null || !properties || additionalProperties === true) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name in properties ? undescribed(properties[name], inner, `${path}.${name}`) : [`${path}.${name}`],
  );
};

const isWhole = (bound: unknown) => Math.abs(Number(bound)) === Number.MAX_SAFE_INTEGER;
const COMPARED = ['minimum', 'maximum', 'minLength', 'maxLength', 'pattern', 'minItems', 'maxItems'];

/** The facts of a schema without its descriptions, in a form that can be compared. */
export const essence = (schema: Json): Json | 'anything' => {
  const { properties, required, items, anyOf, type, enum: values, ...rest } = flatten(schema);
  const isConstant = 'const' in rest;
  const facts: Json = {};
  const types =
    (anyOf as Json[] | undefined)?.map((one) => one['type'] as string) ??
    (type === undefined ? [] : [type].flat());
  if (values) facts['values'] = [...values].toSorted();
  else if (isConstant) facts['values'] = [rest['const']];
  else if (types.length > 0) facts['types'] = [...new Set(types)].toSorted();
  if (rest['exclusiveMinimum'] === 0) facts['minimum'] = 1;
  for (const name of COMPARED) if (name in rest && !isWhole(rest[name])) facts[name] = rest[name];
  if (properties) {
    facts['required'] = [...(required ?? [])].toSorted();
    facts['properties'] = Object.fromEntries(
      Object.entries(properties as Json).map(([name, property]) => [name, essence(property)]),
    );
  }
  if (items) facts['items'] = essence(items);
  return Object.keys(facts).length === 0 ? 'anything' : facts;
};
