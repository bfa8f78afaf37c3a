import type { Believed } from './believed.ts';
import type { Stored } from './stored.ts';

/** What is wrong with the stored entries, by name: in a few words. */
export interface EntryState {
  /** Another one is stored; this process has the proved text, and uses it. */
  altered: Map<string, string>;
  /** Another one is stored; this process does not have the proved text. */
  lost: Map<string, string>;
  /** Entries that the manifest does not list, cut to 63 bytes. */
  unlisted: string[];
  /** How many entries are stored. */
  count: number;
}

interface Check {
  stored: Stored;
  believed: Believed;
  state: EntryState;
  /** Compares all entries; otherwise only those that this process has not read. */
  full: boolean;
}

const UNLISTED_SHOWN = 20;

const faultOf = (sha1: string | undefined): string => {
  if (sha1 === '') return 'its entry was deleted';
  return sha1 === 'long' ? 'its entry was replaced by a long one' : 'its entry was changed';
};

/**
 * Reads the entries that the manifest proves, and finds those that another client has changed. False if the
 * manifest, and not an entry, has changed meanwhile.
 */
export const checkEntries = async (
  { stored, believed, state, full }: Check,
  isManifestSame: () => Promise<boolean>,
): Promise<boolean> => {
  const listed = believed.listed().map(([name]) => name);
  const looked = full ? listed : listed.filter((name) => believed.textOf(name) === undefined);
  for (const faults of [state.altered, state.lost])
    for (const name of faults.keys()) if (!listed.includes(name)) faults.delete(name);
  if (looked.length === 0 && !full && believed.manifest) return true;

  const { count, sha1 } = await stored.digests(looked);
  // Another process may have written the first manifest, with its entry, since this one saw none.
  if (!believed.manifest && count > 0 && !(await isManifestSame())) return false;
  state.count = count;
  const unread = looked.filter((name) => {
    const stands = sha1.get(name)!;
    return stands !== '' && stands !== 'long' && stands !== believed.sha1Of(name);
  });
  const entries = unread.length === 0 ? new Map<string, Buffer>() : await stored.entries(unread);
  for (const [name, bytes] of entries) if (believed.take(name, bytes)) sha1.set(name, believed.sha1Of(name)!);
  const faulty = looked.filter((name) => sha1.get(name) !== believed.sha1Of(name));
  if (faulty.length > 0 && !(await isManifestSame())) return false;

  for (const name of looked) {
    state.altered.delete(name);
    state.lost.delete(name);
  }
  for (const name of faulty)
    state[believed.textOf(name) === undefined ? 'lost' : 'altered'].set(name, faultOf(sha1.get(name)));
  if (full) {
    const present = [...sha1.values()].filter((stands) => stands !== '').length;
    state.unlisted = count > present ? await stored.unlisted(listed, UNLISTED_SHOWN) : [];
  }
  return true;
};
