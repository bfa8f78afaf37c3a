import type { Random } from '../random.ts';

/** Texts that stand for no value of the ledger, or for one at the edge of its range. */
const oddTexts = [
  '',
  'x',
  '0',
  '01',
  '-1',
  '1',
  '1e400',
  'NaN',
  '9007199254740993',
  String(2 ** 60),
  '-9223372036854775808',
  '99999999999999999999999999',
  'null',
  'true',
  '[]',
  '{}',
  '{"__proto__":{"orgs":["*"]}}',
  '"text"',
  '__proto__',
  'constructor',
  '*',
  'c',
  '../..',
  'line\nbreak',
  '\u0000',
  '\ud83d\ude00'.repeat(40),
  '{'.repeat(5000),
  '['.repeat(50_000),
  'y'.repeat(70_000),
] as const;

const oddJson: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 60,
  '',
  'x',
  '*',
  'c',
  '01',
  [],
  ['*'],
  {},
  [[[[]]]],
  { toString: 1 },
];

export const oddText = (random: Random): string => random.pick(oddTexts);

type Place = { holder: Record<string, unknown> | unknown[]; name: string };

const placesIn = (value: unknown, places: Place[] = []): Place[] => {
  if (typeof value !== 'object' || value === null || places.length > 500) return places;
  for (const name of Object.keys(value)) {
    places.push({ holder: value as Place['holder'], name });
    placesIn((value as Record<string, unknown>)[name], places);
  }
  return places;
};
const at = ({ holder, name }: Place): unknown => (holder as Record<string, unknown>)[name];
const put = ({ holder, name }: Place, value: unknown): void => {
  (holder as Record<string, unknown>)[name] = value;
};
const remove = ({ holder, name }: Place): void => {
  if (Array.isArray(holder)) holder.splice(Number(name), 1);
  else delete holder[name];
};

/** What can be done to one place of a JSON text. `other` is a place of another text, or of the same one. */
const edits: readonly ((place: Place, other: Place, random: Random) => void)[] = [
  (place, _other, random) => put(place, random.pick(oddJson)),
  (place) => remove(place),
  (place, other) => put(place, structuredClone(at(other))),
  (place, other) => {
    const value = at(place);
    put(place, at(other));
    put(other, value);
  },
  ({ holder, name }) => {
    if (Array.isArray(holder)) holder.push(structuredClone(holder[Number(name)]));
    else holder[`${name}2`] = structuredClone(holder[name]);
  },
  (place, _other, random) => {
    const value = at(place);
    if (typeof value === 'string' && value !== '') {
      const index = random.between(0, value.length - 1);
      put(place, `${value.slice(0, index)}${random.pick(['A', '_', '0'])}${value.slice(index + 1)}`);
    } else if (typeof value === 'number')
      put(place, value + random.pick([-1, 1, 1000, -(10 ** 9), 10 ** 12]));
    else put(place, random.pick(oddJson));
  },
];

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

/** A JSON text with one place changed; undefined if it is none. */
const editJson = (text: string, otherText: string, random: Random): string | undefined => {
  const [value, other] = [parse(text), parse(otherText)];
  const places = placesIn(value);
  if (places.length === 0) return undefined;
  if (random.next() < 0.03) return text.replace('{', '{"__proto__":{"orgs":["*"]},');
  const others = [...placesIn(other), ...places];
  random.pick(edits)(random.pick(places), random.pick(others), random);
  return JSON.stringify(value);
};

/** Changes a text at random. `other` is a text of another place, that parts can be taken from. */
export const editText = (text: string, other: string, random: Random): string => {
  if (random.next() < 0.7) {
    const edited = editJson(text, other, random);
    if (edited !== undefined) return edited;
  }
  const index = random.between(0, text.length);
  const acts: (() => string)[] = [
    () => oddText(random),
    () => other,
    () => text.slice(0, index),
    () => `${text.slice(0, index)}${random.pick(['0', 'x', '"', '}', '\n'])}${text.slice(index + 1)}`,
    () => text + text,
    () => (/^-?\d+$/.test(text) ? String(Number(text) + random.pick([-1, 1, 1000, 10 ** 9])) : `${text} `),
    () => (/^\d+$/.test(text) ? `0${text}` : text.toUpperCase()),
  ];
  return random.pick(acts)();
};
