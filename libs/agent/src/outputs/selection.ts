import type { HeldKey, Keys, RemovedKey, UnreadableKey } from '@rekey/subscriber';

export type Known = HeldKey | RemovedKey | UnreadableKey;

/** The assistants of an output; all if neither is given. */
interface Selection {
  assistants?: readonly string[] | undefined;
  orgs?: readonly string[] | undefined;
}

const selects = ({ assistants, orgs }: Selection): ((assistantId: string, orgId: string) => boolean) => {
  const ids = assistants && new Set(assistants);
  const ofOrgs = orgs && new Set(orgs);
  return (assistantId, orgId) => (!ids || ids.has(assistantId)) && (!ofOrgs || ofOrgs.has(orgId));
};

const AT_ONCE = 500;

/** The selected assistants in the order of their ids, in pages: answers to requests go on in between. */
export async function* selected(keys: Keys, selection: Selection): AsyncGenerator<Known[]> {
  const isSelected = selects(selection);
  const ids = [...(selection.assistants ?? keys.assistantIds())].toSorted();
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    if (at > 0) await new Promise(setImmediate);
    const page: Known[] = [];
    for (const id of ids.slice(at, at + AT_ONCE)) {
      const known = keys.current(id);
      if (known && isSelected(id, known.orgId)) page.push(known);
    }
    yield page;
  }
}
