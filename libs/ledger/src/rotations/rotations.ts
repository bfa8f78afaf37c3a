import { createHash } from 'node:crypto';
import {
  LOCAL_ACTOR,
  ORG_ALIAS,
  OrgId,
  RekeyError,
  isEnded,
  rotationStates,
  type Actor,
  type ErrorCode,
  type Rotation,
  type RotationJob,
  type RotationRequest,
} from '@rekey/schema';
import { uncertainEvent, type Sealed } from '../assistants/key-version.ts';
import type { BudgetOptions } from '../budget/budget.ts';
import type { Connection } from '../connection.ts';
import { FOLLOW_UPS_QUEUE, ROTATIONS_QUEUE } from '../queues/queue-names.ts';
import { createClaim, type Claim, type ClaimOptions, type ClaimResult } from './claim.ts';
import { rotationsCommands } from './commands.generated.ts';
import { parseRotation } from './rotation-hash.ts';
import { createRotationList, type RotationList } from './rotation-list.ts';

/** Rejects unless the caller may act in an org. */
type RequireOrg = (orgId: string) => Promise<void>;

interface Accepted {
  rotation: Rotation;
  /** False if the same request, or a rotation that is still QUEUED for the assistant, was there already. */
  created: boolean;
}

/** The next step for a rotation whose outcome is unknown. */
export interface NextRead {
  readInMs: number;
  holdMs: number;
  status?: number;
  readError?: ErrorCode;
  operatorNeeded?: boolean;
  /**
   * Why another POST would fare no better until an operator acts. It is noted, and halts the bulk rotation
   * that it is a part of.
   */
  blocked?: ErrorCode;
  senderGone?: boolean;
}

/**
 * Rotations. Every method is one atomic command, or a read. While Redis is away they reject with its error.
 */
export interface Rotations extends RotationList {
  /**
   * Records a rotation. Throws TOO_MANY_ROTATIONS, REQUEST_ID_REUSED and REQUEST_ID_SPENT. If the assistant
   * was last published under another org than the request names, `requireOrg` is called with that org first:
   * nothing is recorded if it rejects.
   */
  accept(id: string, request: RotationRequest, actor?: Actor, requireOrg?: RequireOrg): Promise<Accepted>;
  /** Claims the assistant for a rotation and opens its intent, or resumes one whose outcome is unknown. */
  claim(job: RotationJob, options: ClaimOptions): Promise<ClaimResult>;
  /** The landing window has passed, and the key that satisfied the rotation was read again. */
  settle(claim: Claim, nowMs: number, inForceMs: number): Promise<'settled' | 'withheld' | 'refused'>;
  /** Certainly not done: closes the intent, and queues the rotation again. */
  release(claim: Claim, why?: { code: ErrorCode; status?: number }): Promise<boolean>;
  /**
   * Of a bulk, at its first request: certainly not done. The assistant waits again, and the rotation is
   * deleted.
   * See return-to-bulk.lua.
   */
  returnToBulk(
    claim: Claim,
    code: ErrorCode,
    options: { halts: boolean; retryForMs: number },
  ): Promise<boolean>;
  /**
   * Certainly not done, and not retried. `check`: requests a check, if a key of the assistant was published.
   */
  fail(claim: Claim, why: { code: ErrorCode; status?: number }, check: boolean): Promise<boolean>;
  /** Outcome unknown: the intent stays open. With `holdMs` 0 the claim is free until the next read. */
  noteUnknown(
    claim: Claim,
    next: NextRead,
    sealed: Sealed,
  ): Promise<'noted' | 'refused' | 'other-recipients'>;
  /**
   * Ends a rotation whose entry, or whose assistant's, cannot be read; if a request may have left, it waits
   * for an operator.
   */
  failCorrupt(id: string, lookAgainInMs: number): Promise<'failed' | 'waits' | 'ended' | 'unreadable'>;
  cancel(id: string, actor?: Actor): Promise<Rotation>;
  /** A page of open rotations that have no job and have not changed for a time, and where the next begins. */
  findOrphans(options: {
    quietMs: number;
    after?: string;
  }): Promise<{ orphans: RotationJob[]; next?: string }>;
  /** Deletes ended rotations beyond age or count. Returns how many. */
  trim(limits: { olderThanId: string; keepEach: number }): Promise<number>;
}

interface RotationsOptions {
  /** About how many events the stream keeps, asked at each that is added. */
  keepEvents: () => number;
  /** What claims take their requests from. */
  budget: BudgetOptions | undefined;
  /** The id of the ledger that this process knows. */
  ledgerId: () => string | undefined;
  requestIdTtlSeconds: number;
  /** How many rotations may be open: in all, and of one org apart from those of bulk rotations. */
  maxOpenRotations: { inAll: number; ofOrg: number };
}

const TRIM_BATCH = 500;
const ORPHANS_PAGE = 500;

type Commands = ReturnType<typeof rotationsCommands>;

const createAccept =
  (
    { keys }: Connection,
    commands: Commands,
    list: RotationList,
    { requestIdTtlSeconds: requestTtlS, maxOpenRotations: max }: RotationsOptions,
  ): Rotations['accept'] =>
  async (id, { orgId, assistantId, requestId, reason }, actor = LOCAL_ACTOR, requireOrg) => {
    const digestOf = (org: string) =>
      createHash('sha256')
        .update(JSON.stringify([org, assistantId, reason]))
        .digest('base64url');
    const acceptUnder = (onlyUnder: string | undefined) =>
      commands.accept({
        rotation: keys.rotation(id),
        assistant: keys.assistant(assistantId),
        request: requestId === undefined ? undefined : keys.request(requestId, actor.by),
        counts: requestId === undefined ? undefined : keys.requestCounts,
        id,
        org: orgId,
        assistantId,
        reason,
        requestId,
        digest: digestOf(orgId),
        requestTtlS,
        aliasDigest: digestOf(ORG_ALIAS),
        maxOpen: max.inAll,
        maxOfOrg: max.ofOrg,
        onlyUnder,
        actor,
      });
    let reply = await acceptUnder(requireOrg && orgId);
    while (reply.kind === 'elsewhere') {
      if (!OrgId.safeParse(reply.under).success) throw new RekeyError('LEDGER_CORRUPT');
      await requireOrg!(reply.under);
      reply = await acceptUnder(reply.under);
    }
    if (reply.kind === 'full') {
      const [limit, scope] = reply.ofOrg ? [max.ofOrg, 'org'] : [max.inAll, 'all'];
      throw new RekeyError('TOO_MANY_ROTATIONS', { metadata: { limit: String(limit), scope } });
    }
    if (reply.kind === 'crowded') throw new RekeyError('TOO_MANY_REQUEST_IDS');
    if (reply.kind === 'reused') throw new RekeyError('REQUEST_ID_REUSED');
    if (reply.kind === 'spent') throw new RekeyError('REQUEST_ID_SPENT');
    if (reply.kind === 'known') {
      const known = await list.withOrgName(parseRotation(reply.knownId, reply.known));
      return { created: false, rotation: known };
    }
    const { createdMs } = reply;
    const rotation: Rotation = {
      id,
      orgId: reply.org,
      assistantId,
      state: 'QUEUED',
      reason,
      createdMs,
      updatedMs: createdMs,
      attempts: 0,
      requestedBy: actor.by,
    };
    return { created: true, rotation: requestId === undefined ? rotation : { ...rotation, requestId } };
  };

const createNoteUnknown =
  ({ keys }: Connection, commands: Commands, keepEvents: () => number): Rotations['noteUnknown'] =>
  async (claim, next, sealed) => {
    const { rotationId, orgId, assistantId, epoch } = claim;
    const { kind } = await commands.noteUnknown({
      rotation: keys.rotation(rotationId),
      assistant: keys.assistant(assistantId),
      ledger: keys.ledger,
      id: rotationId,
      epoch,
      status: next.status,
      readInMs: Math.round(next.readInMs),
      holdMs: Math.round(next.holdMs),
      readError: next.readError,
      operatorNeeded: next.operatorNeeded ?? false,
      ...uncertainEvent(claim, sealed),
      keep: keepEvents(),
      org: orgId,
      assistantId,
      senderGone: next.senderGone ?? false,
      recipients: sealed.revision,
      blockedBy: next.blocked,
    });
    return kind === 'recipients' ? 'other-recipients' : kind;
  };

const createCancel =
  ({ keys }: Connection, commands: Commands, list: RotationList): Rotations['cancel'] =>
  async (id, actor = LOCAL_ACTOR) => {
    const reply = await commands.cancel({ rotation: keys.rotation(id), id, actor });
    if (reply.kind === 'missing') throw new RekeyError('ROTATION_NOT_FOUND');
    if (reply.kind === 'refused')
      throw new RekeyError('ROTATION_NOT_CANCELLABLE', {
        which: `it is ${reply.state}`,
        metadata: { state: reply.state },
      });
    return list.withOrgName(parseRotation(id, reply.rotation));
  };

const createFindOrphans =
  ({ keys }: Connection, commands: Commands): Rotations['findOrphans'] =>
  async ({ quietMs, after }) => {
    const { orphans, next } = await commands.findOrphans({
      open: keys.rotations('open'),
      after,
      count: ORPHANS_PAGE,
      quietMs: Math.round(quietMs),
      queues: [ROTATIONS_QUEUE, FOLLOW_UPS_QUEUE].map((name) => `${keys.bull}:${name}`),
    });
    const jobs = orphans.map(({ id, org, assistantId }) => ({ rotationId: id, orgId: org, assistantId }));
    // With scores of another client, Redis returns the same ids again: whoever reads on must end.
    const isFurther = next !== undefined && next > (after ?? '');
    return { orphans: jobs, ...(isFurther && { next }) };
  };

const createTrim =
  ({ keys }: Connection, commands: Commands): Rotations['trim'] =>
  async ({ olderThanId, keepEach }) => {
    let total = 0;
    for (const state of rotationStates.filter(isEnded)) {
      for (let forgotten = TRIM_BATCH; forgotten === TRIM_BATCH; total += forgotten) {
        ({ forgotten } = await commands.trim({
          index: keys.rotations(state),
          olderThan: olderThanId,
          keep: keepEach,
          count: TRIM_BATCH,
        }));
      }
    }
    return total;
  };

export const openRotations = (connection: Connection, options: RotationsOptions): Rotations => {
  const { keys, run } = connection;
  const commands = rotationsCommands(run);
  const list = createRotationList(connection);
  const heldBy = ({ rotationId, orgId, assistantId, epoch }: Claim) => ({
    rotation: keys.rotation(rotationId),
    assistant: keys.assistant(assistantId),
    intents: keys.intents(orgId),
    id: rotationId,
    epoch,
  });

  return {
    ...list,
    accept: createAccept(connection, commands, list, options),
    claim: createClaim(connection, options.budget, options.ledgerId),
    noteUnknown: createNoteUnknown(connection, commands, options.keepEvents),
    cancel: createCancel(connection, commands, list),
    findOrphans: createFindOrphans(connection, commands),
    trim: createTrim(connection, commands),
    settle: async (claim, nowMs, inForceMs) =>
      (await commands.settle({ ...heldBy(claim), nowMs, inForceMs: Math.floor(inForceMs) })).kind,
    release: async (claim, why) => (await commands.release({ ...heldBy(claim), ...why })).kind === 'released',
    returnToBulk: async (claim, code, { halts, retryForMs }) => {
      const reply = await commands.returnToBulk({
        ...heldBy(claim),
        code,
        halts,
        retryForMs: Math.round(retryForMs),
      });
      return reply.kind === 'returned';
    },
    fail: async (claim, why, check) =>
      (await commands.fail({ ...heldBy(claim), ...why, check })).kind === 'failed',
    failCorrupt: async (id, lookAgainInMs) =>
      (
        await commands.failCorrupt({
          rotation: keys.rotation(id),
          id,
          lookAgainMs: Math.round(lookAgainInMs),
        })
      ).kind,
  };
};
