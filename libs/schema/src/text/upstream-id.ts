const MAX_ID_BYTES = 256;

/**
 * Characters with a meaning in a URL path. A proxy that decodes `%2F` could send the POST to another
 * assistant.
 */
const pathCharacter = /[/\\%?#]/u;
/** Control characters and line separators: they could break a log line or a terminal. */
const controlCharacter = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/**
 * White space and invisible characters: format characters (zero-width, bidi), fillers and variation
 * selectors. Pasted with an id, they make a different id that looks the same. U+2800 is the blank Braille
 * pattern.
 */
const invisibleCharacter = /[\p{White_Space}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u;

/** Nearly all ids match this; such an id passes every check below. */
const plainId = new RegExp(`^[\\w-]{1,${MAX_ID_BYTES}}$`);

/**
 * What is wrong with an upstream id; undefined if it is valid. Code that handles long lists calls it
 * directly: parsing each id with a schema would take seconds.
 */
export const complaintAboutId = (id: string): string | undefined => {
  if (plainId.test(id)) return undefined;
  return (
    complaintAboutStoredId(id) ??
    (invisibleCharacter.test(id) ? 'must not contain white space or invisible characters' : undefined)
  );
};

/** The rule for stored ids. Earlier versions accepted white space. */
export const complaintAboutStoredId = (id: string): string | undefined => {
  if (plainId.test(id)) return undefined;
  if (id === '') return 'must not be empty';
  if (!id.isWellFormed()) return 'must be well-formed Unicode';
  if (Buffer.byteLength(id) > MAX_ID_BYTES) return `must be at most ${MAX_ID_BYTES} bytes`;
  if (controlCharacter.test(id)) return 'must not contain control characters';
  if (id === '.' || id === '..') return 'must not be a dot segment';
  if (pathCharacter.test(id)) return 'must not contain any of / \\ % ? #';
  return undefined;
};
