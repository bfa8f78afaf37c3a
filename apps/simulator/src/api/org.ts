import { isOfShare, type View } from '../faults/faults.ts';
import type { World } from '../world/world.ts';

/** The assistants that a request may access. */
export interface Org {
  readonly ids: readonly string[];
  has(assistantId: string): boolean;
}

type Access = { own: string; may: ReadonlySet<string> };

/** The org behind the id in the path of a request, or the status with which it is refused. */
export const openOrg = (
  world: World,
  access: Access,
  namedOrgId: string,
  views: readonly View[],
): Org | 403 | 404 => {
  const ignoring = views.some(({ fault }) => fault.kind === 'ignoreOrg');
  const orgId = namedOrgId === 'c' || ignoring ? access.own : namedOrgId;
  if (!world.orgExists(orgId)) return 404;
  if (!access.may.has(orgId)) return 403;
  const swap = views.find(({ fault }) => fault.kind === 'swapOrg');
  if (swap) return swappedOrg(world, orgId, swap);
  const has = ignoring
    ? (assistantId: string) => access.may.has(world.find(assistantId)?.orgId ?? '')
    : (assistantId: string) => world.find(assistantId)?.orgId === orgId;
  return { ids: world.assistantIds(orgId), has };
};

/** An org of strangers, in which the share `overlap` of our assistants replaces as many strangers. */
const swappedOrg = (world: World, orgId: string, { fault }: View): Org => {
  const ours = world.assistantIds(orgId);
  const size = fault.size ?? ours.length;
  const strangers = world.strangers(`swapped_${orgId}_${size}`, `stranger_${orgId}_`, size);
  if (fault.overlap === 0)
    return { ids: strangers, has: (id) => world.find(id)?.orgId === `swapped_${orgId}_${size}` };
  const kept = ours.filter((id) => isOfShare(id, fault.overlap)).slice(0, size);
  const ids = [...kept, ...strangers.slice(kept.length)];
  const all = new Set(ids);
  return { ids, has: (id) => all.has(id) };
};
