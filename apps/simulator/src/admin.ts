import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { Counts } from './api.ts';
import { Fault, type Faults } from './faults.ts';
import { renderRecord } from './record.ts';
import { preciseNowMs, type KeyChange, type World } from './world.ts';

interface AdminOptions {
  world: World;
  faults: Faults;
  counts: Counts;
}

const NOT_FOUND = Symbol('not found');

const NewAssistant = z.strictObject({
  org_id: z.string(),
  id: z.string().min(1),
  at: z.enum(['start', 'end']).default('end'),
});

const SignedHash = z.strictObject({
  assistant_id: z.string(),
  user_id: z.string(),
  hash: z.string(),
  signed_at_ms: z.number(),
});

const Restore = z
  .strictObject({
    at_ms: z.number().optional(),
    ago_ms: z.number().nonnegative().optional(),
    org_id: z.string().optional(),
    assistant_id: z.string().optional(),
  })
  .refine(({ at_ms: at, ago_ms: ago }) => (at === undefined) !== (ago === undefined), {
    message: 'either at_ms or ago_ms',
  });

/**
 * The simulator's own port, for tests and local play. It tells the truth and changes it; no client of the
 * real API has such a thing.
 *   GET    /counts                  what the API was asked so far
 *   GET    /keys                    the key in force of every assistant that was ever changed
 *   GET    /history                 of every assistant that was ever touched, all keys that it had, oldest first: [{ key, atMs, by }];
 *                                   `by` is start (before the first change, atMs 0), request, denied, hand, removed (then `key` is null) or
 *                                   restored; a key that was restored stands in a history more than once
 *   POST   /assistants              `{"org_id", "id"}` makes one, last in the LIST, or first with `"at": "start"`
 *   GET    /assistants/ID           one record, with how often its key was changed
 *   PATCH  /assistants/ID           lays fields over the record; `{"secret_key": null}` takes its key away, `{"deleted": true}` deletes it
 *                                   softly: GET and LIST still answer it
 *   DELETE /assistants/ID           deletes it for good: 404
 *   POST   /assistants/ID/rotate    rotates by hand, as in Invent's dashboard
 *   POST   /hashes                  checks user hashes as Invent does: `[{"assistant_id", "user_id", "hash", "signed_at_ms"}]`; of each
 *                                   `{ key, stale_ms }`: the place in its history of the key that it was signed with, null where it is none of its
 *                                   keys; and for how long that key had been replaced when it was signed, 0 where it was in force
 *   POST   /restore                 `{"at_ms"}` (Unix time) or `{"ago_ms"}`: a restored backup, or a lost second. Keys, deletions and times of
 *                                   update are again what they were then; of all assistants, or with `org_id` or `assistant_id` of those
 *   POST   /faults                  scripts a fault (see faults.ts) and answers its `id`
 *   GET    /faults                  those that have not ended
 *   DELETE /faults[/ID]             ends all of them, or one
 */
export const createAdmin = ({ world, faults, counts }: AdminOptions): Server => {
  const describe = (id: string) => {
    const state = world.find(id);
    return state ? { rotations: state.rotations, record: renderRecord(id, state) } : NOT_FOUND;
  };

  const act = async (request: IncomingMessage): Promise<unknown> => {
    const [, what, id, action] = (request.url ?? '').split('/').map(decodeURIComponent);
    switch (`${request.method} /${what}${id ? '/ID' : ''}${action ? `/${action}` : ''}`) {
      case 'GET /counts':
        return counts;
      case 'GET /keys':
        return Object.fromEntries(
          [...world.touched].map(([assistantId, { secretKey }]) => [assistantId, secretKey]),
        );
      case 'GET /history':
        return Object.fromEntries(
          [...world.history].map(([assistantId, changes]) => [assistantId, changes.map(describeChange)]),
        );
      case 'POST /hashes':
        return z
          .array(SignedHash)
          .max(10_000)
          .parse(JSON.parse(await text(request)))
          .map((signed) => checkHash(world, signed));
      case 'POST /restore': {
        const {
          at_ms: atMs,
          ago_ms: agoMs,
          org_id: orgId,
          assistant_id: assistantId,
        } = Restore.parse(JSON.parse(await text(request)));
        return { restored: world.restore(atMs ?? preciseNowMs() - agoMs!, { orgId, assistantId }) };
      }
      case 'POST /faults':
        return { id: faults.add(Fault.parse(JSON.parse(await text(request)))) };
      case 'GET /faults':
        return faults.active();
      case 'DELETE /faults':
        return faults.clear();
      case 'DELETE /faults/ID':
        return faults.remove(Number(id)) ? undefined : NOT_FOUND;
      case 'POST /assistants': {
        const { org_id: orgId, id: newId, at } = NewAssistant.parse(JSON.parse(await text(request)));
        if (!world.orgExists(orgId)) return NOT_FOUND;
        if (!world.create(newId, orgId, at)) throw new Error('the id is taken');
        return describe(newId);
      }
      case 'GET /assistants/ID':
        return describe(id!);
      case 'PATCH /assistants/ID': {
        const { secret_key: key, ...patch } = z
          .looseObject({ secret_key: z.string().nullish() })
          .parse(JSON.parse(await text(request)));
        if (key !== undefined) world.setKey(id!, key);
        return world.patch(id!, patch) ? describe(id!) : NOT_FOUND;
      }
      case 'DELETE /assistants/ID':
        return world.remove(id!) ? undefined : NOT_FOUND;
      case 'POST /assistants/ID/rotate':
        return world.rotate(id!, 'hand') ? describe(id!) : NOT_FOUND;
      default:
        return NOT_FOUND;
    }
  };

  const server = createServer((request, response) => {
    act(request).then(
      (result) => {
        if (result === NOT_FOUND) response.writeHead(404).end();
        else if (result === undefined) response.writeHead(204).end();
        else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result));
      },
      (error: Error) => response.writeHead(400, { 'content-type': 'text/plain' }).end(error.message),
    );
  });
  // It closes no connection by itself: that could meet the next request on its way.
  server.keepAliveTimeout = 0;
  return server;
};

/** HMAC-SHA256 of the user's id under the secret key, in hex. */
const checkHash = (
  world: World,
  { assistant_id: id, user_id: userId, hash, signed_at_ms: signedAtMs }: z.infer<typeof SignedHash>,
) => {
  const state = world.find(id);
  const changes: readonly KeyChange[] =
    world.history.get(id) ?? (state ? [{ ...state, atMs: 0, by: 'start' }] : []);
  const isSignedWith = ({ secretKey, by }: KeyChange) =>
    secretKey !== null &&
    by !== 'removed' &&
    createHmac('sha256', secretKey).update(userId).digest('hex') === hash;
  // The newest first: nearly always it is that one.
  const newest = changes.findLastIndex(isSignedWith);
  if (newest === -1) return { key: null, stale_ms: null };
  // A key that was restored was in force more than once: it is judged by the last time that it came before it
  // was signed with.
  const { secretKey } = changes[newest]!;
  const came = changes.findLastIndex(
    (change) => change.secretKey === secretKey && isSignedWith(change) && change.atMs <= signedAtMs,
  );
  const key = came === -1 ? changes.findIndex(isSignedWith) : came;
  const replaced = changes[key + 1];
  return { key, stale_ms: replaced ? Math.max(signedAtMs - replaced.atMs, 0) : 0 };
};

const isGone = ({ deleted, by }: KeyChange): boolean => by === 'removed' || (by === 'restored' && deleted);

const describeChange = (change: KeyChange) => ({
  key: isGone(change) ? null : change.secretKey,
  atMs: change.atMs,
  by: change.by,
});
