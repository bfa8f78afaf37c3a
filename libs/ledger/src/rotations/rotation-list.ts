import {
  ORG_ALIAS,
  RekeyError,
  isEnded,
  rotationStates,
  type Rotation,
  type RotationState,
} from '@rekey/schema';
import type { Connection } from '../connection.ts';
import { newestBelow } from '../newest-below.ts';
import { readOrgName } from '../orgs/org-name.ts';
import { asCorrupt } from '../scripts/run.ts';
import { parseRotation } from './rotation-hash.ts';

interface ListFilter {
  orgId?: string;
  assistantId?: string;
  state?: RotationState;
}

export interface RotationList {
  get(id: string): Promise<Rotation>;
  /**
   * Newest first. `after` is the id of the last one seen. `next` is set if there may be more, also with an
   * empty page. With `sees`, those of other orgs are left out.
   */
  list(
    filter: ListFilter,
    page: { size: number; after?: string; sees?: ((orgId: string) => boolean) | undefined },
  ): Promise<{ rotations: Rotation[]; next?: string }>;
  /** A rotation that was asked for under `c`, under the name of its org once that is known. */
  withOrgName(rotation: Rotation): Promise<Rotation>;
}

/** One page looks at no more rotations than this, however few of them the filter lets through. */
const LIST_SCAN_LIMIT = 1000;

const matches = (rotation: Rotation, { orgId, assistantId, state }: ListFilter): boolean =>
  (orgId === undefined || rotation.orgId === orgId) &&
  (assistantId === undefined || rotation.assistantId === assistantId) &&
  (state === undefined || rotation.state === state);

/** A rotation from the reply of an HGETALL: undefined if it is gone, an error if its entry cannot be read. */
const readReply = (id: string, error: Error | null, hash: unknown): Rotation | RekeyError | undefined => {
  try {
    if (error) asCorrupt(error);
    return Object.keys(hash as object).length === 0
      ? undefined
      : parseRotation(id, hash as Record<string, string>);
  } catch (err) {
    if (err instanceof RekeyError) return err;
    throw err;
  }
};

const isUnderAlias = (rotation: unknown): boolean =>
  (rotation as Partial<Rotation> | undefined)?.orgId === ORG_ALIAS;

export const createRotationList = ({ redis, keys }: Connection): RotationList => {
  const withOrgNames = async <T>(rotations: T[]): Promise<T[]> => {
    if (!rotations.some(isUnderAlias)) return rotations;
    const orgId = await readOrgName(redis, keys);
    return rotations.map((rotation) => (isUnderAlias(rotation) ? { ...rotation, orgId } : rotation));
  };

  const readAll = async (ids: string[]): Promise<(Rotation | RekeyError | undefined)[]> => {
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hgetall(keys.rotation(id));
    const replies = (await pipeline.exec()) ?? [];
    return withOrgNames(replies.map(([error, hash], i) => readReply(ids[i]!, error, hash)));
  };

  return {
    withOrgName: async (rotation) => (await withOrgNames([rotation]))[0]!,

    get: async (id) => {
      // A pipeline of one command takes ioredis longer than all else that a call does.
      const read = redis.hgetall(keys.rotation(id)).then(
        (hash) => readReply(id, null, hash),
        (error: Error) => readReply(id, error, undefined),
      );
      const [rotation] = await withOrgNames([await read]);
      if (!rotation) throw new RekeyError('ROTATION_NOT_FOUND');
      if (rotation instanceof RekeyError) throw rotation;
      return rotation;
    },

    list: async (filter, { size, after, sees = () => true }) => {
      const indexes = (filter.state ? [filter.state] : rotationStates).map((state) =>
        keys.rotations(isEnded(state) ? state : 'open'),
      );
      const found: Rotation[] = [];
      let last = after;
      for (let seen = 0; seen < LIST_SCAN_LIMIT;) {
        const ids = await newestBelow(redis, [...new Set(indexes)], last, size);
        for (const rotation of await readAll(ids)) {
          // One bad entry must not hide the others.
          if (!rotation || rotation instanceof RekeyError) continue;
          last = rotation.id;
          if (matches(rotation, filter) && sees(rotation.orgId) && found.push(rotation) === size)
            return { rotations: found, next: last };
        }
        if (ids.length < size) return { rotations: found };
        last = ids.at(-1)!;
        seen += ids.length;
      }
      return last === undefined ? { rotations: found } : { rotations: found, next: last };
    },
  };
};
