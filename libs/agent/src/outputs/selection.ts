import type { HeldKey, Keys, RemovedKey, UnreadableKey } from '@rekey/subscriber';

export type Known = HeldKey | RemovedKey | UnreadableKey;

/** The assistants of an output; all if neither is given. */
interface Selection {
  /** In the order of their ids. */
  assistants?: readonly string[] | undefined;
  orgs?: readonly string[] | undefined;
}

const AT_ONCE = 500;

/** The selected assistants in the order of their ids, in pages: answers to requests go on in between. */
export async function* selected(keys: Keys, { assistants, orgs }: Selection): AsyncGenerator<Known[]> {
  const ofOrgs = orgs && new Set(orgs);
  const ids = assistants ?? [...keys.assistantIds()].toSorted();
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    if (at > 0) await new Promise(setImmediate);
    const page: Known[] = [];
    for (const id of ids.slice(at, at + AT_ONCE)) {
      const known = keys.current(id);
      if (known && (!ofOrgs || ofOrgs.has(known.orgId))) page.push(known);
    }
    yield page;
  }
}
