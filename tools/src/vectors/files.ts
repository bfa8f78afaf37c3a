import { eventsFile } from './events.ts';
import { grantsFile } from './grants.ts';
import { sequencesFile } from './sequences.ts';
import { keysFile } from './test-keys.ts';
import { acknowledgementsFile, namesFile, userHashesFile } from './texts.ts';

/** The files of docs/reference/vectors, by name. Nothing in them is random. */
export const vectorFiles = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries({
      keys: keysFile(),
      grants: grantsFile(),
      events: eventsFile(),
      sequences: sequencesFile(),
      acknowledgements: acknowledgementsFile(),
      'user-hashes': userHashesFile(),
      names: namesFile(),
    }).map(([name, content]) => [`${name}.json`, `${JSON.stringify(content, null, 2)}\n`]),
  );
