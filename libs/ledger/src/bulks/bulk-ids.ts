import { RekeyError } from '@rekey/schema';

/** Ids are packed 1000 to a string, one a line. */
export const IDS_A_CHUNK = 1000;
/**
 * Throws INVALID_ARGUMENT for an id that is empty or has a line break: every id after it would be taken for
 * another one.
 */
export const packIds = (assistantIds: readonly string[]): string => {
  if (assistantIds.some((id) => id === '' || id.includes('\n'))) {
    throw new RekeyError('INVALID_ARGUMENT', {
      fieldViolations: [
        { field: 'assistant_ids', description: 'must not be empty, and must not contain line breaks' },
      ],
    });
  }
  return assistantIds.join('\n');
};
export const unpackIds = (chunk: string | null): string[] => (chunk ? chunk.split('\n', IDS_A_CHUNK) : []);
