import { createServer, type IncomingMessage, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { Counts } from '../api/counts.ts';
import { Fault } from '../faults/fault.ts';
import type { Faults } from '../faults/faults.ts';
import { renderRecord } from '../world/record.ts';
import { preciseNowMs, type KeyChange } from '../world/state.ts';
import type { World } from '../world/world.ts';
import { checkHash, SignedHash } from './check-hash.ts';

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

const RecordPatch = z.looseObject({ secret_key: z.string().nullish() });

/**
 * The admin port of the simulator, for tests and local use. It shows the truth and changes it; the real API
 * has no such port.
 *   GET    /counts                 how often the API was called so far
 *   GET    /keys                   the key in force of every assistant that ever changed
 *   GET    /history                all keys of every assistant that was ever touched, oldest first:
 *                                  [{ key, atMs, by }]; `by` is start (before the first change, atMs 0),
 *                                  request, denied, hand, removed (then `key` is null) or restored; a
 *                                  restored key appears in a history more than once
 *   POST   /assistants             `{"org_id", "id"}` creates one, last in the LIST, or first with
 *                                  `"at": "start"`
 *   GET    /assistants/ID          one record, with the number of its key changes
 *   PATCH  /assistants/ID          overrides fields of the record; `{"secret_key": null}` removes its key,
 *                                  `{"deleted": true}` deletes it softly: GET and LIST still return it
 *   DELETE /assistants/ID          deletes it permanently: 404
 *   POST   /assistants/ID/rotate   rotates by hand, as in Invent's dashboard
 *   POST   /hashes                 checks user hashes as Invent does:
 *                                  `[{"assistant_id", "user_id", "hash", "signed_at_ms"}]`; returns for each
 *                                  `{ key, stale_ms }`: the index in its history of the key that signed it,
 *                                  null if none of its keys did; and how long ago that key had been replaced
 *                                  at the time of signing, 0 if it was in force
 *   POST   /restore                `{"at_ms"}` (Unix time) or `{"ago_ms"}`: a restored backup, or a lost
 *                                  second. Reverts keys, deletions and times of update to that time, for all
 *                                  assistants or those of `org_id` or `assistant_id`
 *   POST   /faults                 scripts a fault (see fault.ts) and returns its `id`
 *   GET    /faults                 the faults that have not ended
 *   DELETE /faults[/ID]            ends all of them, or one
 */
export const createAdmin = (options: AdminOptions): Server => {
  const routes = createRoutes(options);
  const act = async (request: IncomingMessage): Promise<unknown> => {
    const [, what, id = '', action] = (request.url ?? '').split('/').map(decodeURIComponent);
    const route = `${request.method} /${what}${id ? '/ID' : ''}${action ? `/${action}` : ''}`;
    const body = async () => JSON.parse(await text(request)) as unknown;
    return Object.hasOwn(routes, route) ? routes[route]!(id, body) : NOT_FOUND;
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
  // It never closes idle connections: the next request could already be on its way.
  server.keepAliveTimeout = 0;
  return server;
};

type Handler = (id: string, body: () => Promise<unknown>) => unknown;

const createRoutes = ({ world, faults, counts }: AdminOptions): Record<string, Handler> => {
  const describe = (id: string) => {
    const state = world.find(id);
    return state ? { rotations: state.rotations, record: renderRecord(id, state) } : NOT_FOUND;
  };
  return {
    'GET /counts': () => counts,
    'GET /keys': () => Object.fromEntries([...world.touched].map(([id, { secretKey }]) => [id, secretKey])),
    'GET /history': () =>
      Object.fromEntries([...world.history].map(([id, changes]) => [id, changes.map(describeChange)])),
    'POST /hashes': async (_id, body) =>
      z
        .array(SignedHash)
        .max(10_000)
        .parse(await body())
        .map((signed) => checkHash(world, signed)),
    'POST /restore': async (_id, body) => {
      const wanted = Restore.parse(await body());
      const atMs = wanted.at_ms ?? preciseNowMs() - wanted.ago_ms!;
      const scope = { orgId: wanted.org_id, assistantId: wanted.assistant_id };
      return { restored: world.restore(atMs, scope) };
    },
    'POST /faults': async (_id, body) => ({ id: faults.add(Fault.parse(await body())) }),
    'GET /faults': () => faults.active(),
    'DELETE /faults': () => faults.clear(),
    'DELETE /faults/ID': (id) => (faults.remove(Number(id)) ? undefined : NOT_FOUND),
    'POST /assistants': async (_id, body) => {
      const { org_id: orgId, id, at } = NewAssistant.parse(await body());
      if (!world.orgExists(orgId)) return NOT_FOUND;
      if (!world.create(id, orgId, at)) throw new Error('the id is taken');
      return describe(id);
    },
    'GET /assistants/ID': describe,
    'PATCH /assistants/ID': async (id, body) => {
      const { secret_key: key, ...patch } = RecordPatch.parse(await body());
      if (key !== undefined) world.setKey(id, key);
      return world.patch(id, patch) ? describe(id) : NOT_FOUND;
    },
    'DELETE /assistants/ID': (id) => (world.remove(id) ? undefined : NOT_FOUND),
    'POST /assistants/ID/rotate': (id) => (world.rotate(id, 'hand') ? describe(id) : NOT_FOUND),
  };
};

const isGone = ({ deleted, by }: KeyChange): boolean => by === 'removed' || (by === 'restored' && deleted);

const describeChange = (change: KeyChange) => ({
  key: isGone(change) ? null : change.secretKey,
  atMs: change.atMs,
  by: change.by,
});
