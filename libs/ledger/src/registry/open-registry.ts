import { LOCAL_ACTOR, ORG_ALIAS, RekeyError } from '@rekey/schema';
import { namesText } from '../activity/state-text.ts';
import type { Connection } from '../connection.ts';
import { orgsCommands } from '../orgs/commands.generated.ts';
import { NO_ACTIVITY, activityOfWrite } from '../activity/consumer-writes.ts';
import { Believed } from './believed.ts';
import { registryCommands } from './commands.generated.ts';
import { createWriteFacts } from './facts/write-facts.ts';
import { Looker } from './look.ts';
import { digestOf, signManifest } from './manifest.ts';
import { openMemoryFile } from './memory-file.ts';
import { Problems, type RegistryProblem } from './problems.ts';
import { createProofs } from './proofs/proofs.ts';
import type { Registry, RegistryOptions } from './registry.ts';
import { openStored } from './stored.ts';
import { acceptedTexts, readCandidates, type Trust } from './trust.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { createTurns, inTurn, startLooking } from '../turns.ts';
import {
  changedEvent,
  checkRoom,
  untilWritten,
  withRecord,
  type ConsumerWrite,
  type RegistryContext,
  type RegistrySources,
  type Replace,
} from './write.ts';

const CANDIDATES = 500;

const createReplace = ({ connection, believed, sources }: RegistryContext, looker: () => Looker): Replace => {
  const { keys, run } = connection;
  return async ({ seen, scope }, { manifest, entries, reseals = false, event, activity }) => {
    if (looker().isLedgerLost()) throw new RekeyError('LEDGER_LOST');
    const { kind } = await registryCommands(run).registryWrite({
      consumers: keys.consumers,
      registry: keys.registry,
      ledger: keys.ledger,
      seen,
      manifest: signManifest(manifest, scope),
      reseals,
      ...event,
      ...activity,
      keep: sources.keepEvents(),
      records: entries,
    });
    looker().forgetHead();
    if (kind === 'changed') return false;
    believed.adopt(manifest);
    for (const { name, text } of entries) if (text !== undefined) believed.take(name, text);
    looker().noteWritten({ reseals });
    return true;
  };
};

/** What the methods that write share. */
interface Writing {
  context: RegistryContext;
  looker: Looker;
  look(): Promise<unknown>;
  replace: Replace;
  requireTrusted(): void;
}

const createWrite =
  ({ context: { believed }, looker, look, replace, requireTrusted }: Writing): ConsumerWrite =>
  async (name, before, after, { reseals = false, emit, actor } = {}) => {
    let written: string | undefined;
    return untilWritten(async () => {
      await look();
      requireTrusted();
      const text = believed.textOf(name);
      // The reply to an earlier attempt was lost: it was written.
      if (written !== undefined && written === text) return true;
      if (text !== before?.text) return false;
      const base = looker.base();
      if (before === undefined && after !== undefined) checkRoom(base.own, name);
      const entry = typeof after === 'function' ? await after(base.rev) : after;
      written = entry && JSON.stringify(entry);
      const digest = written === undefined ? '' : digestOf(written);
      const replaced = await replace(base, {
        manifest: withRecord(base.own, base.rev, { consumers: { [name]: digest } }),
        entries: [...base.repairs.filter((one) => one.name !== name), { name, text: written }],
        reseals,
        activity: activityOfWrite(name, before, entry, actor),
        ...(emit !== undefined && { event: changedEvent(name, emit) }),
      });
      return replaced ? true : 'changed';
    });
  };

const createNoteAlias =
  ({ context: { connection, believed }, looker, look, requireTrusted }: Writing): Registry['noteAlias'] =>
  (orgId, how) =>
    untilWritten(async () => {
      await look();
      requireTrusted();
      const known = believed.fact('alias');
      if (known !== undefined && known !== orgId) return { kind: 'contradicts', knownOrg: known };
      const { own, rev, seen, scope } = looker.base();
      if (looker.isLedgerLost()) throw new RekeyError('LEDGER_LOST');
      const manifest = known === orgId ? own : withRecord(own, rev, { facts: { alias: orgId } });
      const reply = await orgsCommands(connection.run).orgAlias({
        ledger: connection.keys.ledger,
        registry: connection.keys.registry,
        org: orgId,
        how,
        seen,
        manifest: signManifest(manifest, scope),
      });
      looker.forgetHead();
      if (reply.kind === 'changed') return 'changed';
      believed.adopt(manifest);
      looker.noteWritten({ reseals: true });
      return { kind: reply.kind };
    });

const createNoteKeySet =
  ({ context: { believed }, looker, look, replace, requireTrusted }: Writing): Registry['noteKeySet'] =>
  (keySetId) =>
    untilWritten(async () => {
      await look();
      requireTrusted();
      if (believed.fact('keys') === keySetId) return undefined;
      const base = looker.base();
      const manifest = withRecord(base.own, base.rev, { facts: { keys: keySetId } });
      const replacement = { manifest, entries: base.repairs, activity: NO_ACTIVITY };
      return (await replace(base, replacement)) ? undefined : 'changed';
    });

const createTrust = ({ context: { connection, believed }, looker, look, replace }: Writing): Trust => {
  const stored = openStored(connection);
  const candidates: Trust['candidates'] = async () => {
    const listed = believed.listed();
    const names = listed.map(([name]) => name);
    const others = await stored.unlisted(names, CANDIDATES);
    return readCandidates(stored, [...names, ...others], new Map(listed));
  };
  return {
    candidates,
    count: async () => (await stored.digests([])).count,
    accept: (answers, options) =>
      untilWritten(async () => {
        await look();
        // Otherwise processes of two keys would replace each other's manifest without end.
        if (looker.untrusted() === 'REGISTRY_KEY_OTHER') throw new RekeyError('REGISTRY_KEY_OTHER');
        const names = answers.map(({ name }) => name);
        const texts = acceptedTexts(await readCandidates(stored, names, new Map()), answers, options);
        // Names come cut: a longer one may then read as one that is accepted.
        const others = (await stored.unlisted(names, CANDIDATES)).filter((name) => !names.includes(name));
        const base = looker.base();
        const consumers = {
          ...Object.fromEntries(believed.listed().map(([name]): [string, string] => [name, ''])),
          ...Object.fromEntries(texts.map(({ name, text }) => [name, digestOf(text)])),
        };
        // Processes whose memory file cannot be used believe what was decided after they have found that,
        // by the clock that all share.
        const facts = { trusted: new Date(await redisNowMs(connection.redis)).toISOString() };
        // Also removes consumers that this process does not know, and others do.
        const manifest = { ...withRecord(base.own, base.rev, { consumers, facts }), floor: base.rev };
        const entries = [...texts, ...others.map((name) => ({ name, text: undefined }))];
        const activity = {
          what: 'trusted' as const,
          actor: options?.actor ?? LOCAL_ACTOR,
          target: 'system:registry',
          after: namesText(names),
        };
        return (await replace(base, { manifest, entries, reseals: true, activity })) ? base.rev : 'changed';
      }),
  };
};

const createListen =
  ({ keys }: Connection, looker: Looker, look: () => Promise<unknown>): Registry['listen'] =>
  (subscriber, onError) => {
    subscriber.on('message', (channel, message) => {
      if (channel === keys.registryWritten && looker.hear(message)) look().catch(onError);
    });
    // ioredis subscribes again after a reconnection. What was published meanwhile is read from Redis.
    subscriber.subscribe(keys.registryWritten).catch(onError);
  };

/** Without a key, nothing is believed and nothing can be written. */
const withoutKey = (look: Registry['look'], problems: RegistryProblem[]): Registry => {
  const missing = (): never => {
    throw new RekeyError('REGISTRY_KEY_MISSING');
  };
  const refuse = async (): Promise<never> => missing();
  return {
    look,
    startLooking: () => ({ close: async () => {} }),
    listen: () => {},
    untrusted: () => 'REGISTRY_KEY_MISSING',
    requireTrusted: missing,
    isContested: () => false,
    isRemembered: () => false,
    version: () => 0,
    rev: () => 0,
    list: () => ({ consumers: [], unreadable: [] }),
    get: () => undefined,
    lost: () => [],
    isKnown: refuse,
    alias: () => ORG_ALIAS,
    keySetId: () => undefined,
    problems: () => problems,
    noteRepaired: () => {},
    write: refuse,
    noteKeySet: refuse,
    noteAlias: refuse,
    facts: () => new Map(),
    writeFacts: refuse,
    trust: { candidates: refuse, count: refuse, accept: refuse },
    presence: () => undefined,
    isProved: () => false,
    behind: () => [],
    silent: () => [],
    lagging: () => [],
  };
};
export const openRegistry = (
  connection: Connection,
  options: RegistryOptions | undefined,
  sources: RegistrySources,
): Registry => {
  const stored = openStored(connection);
  const { key, memoryPath, minRev = 0, report = () => {} } = options ?? { key: undefined };
  if (!key) {
    const missing: RegistryProblem = {
      code: 'REGISTRY_KEY_MISSING',
      subject: '',
      detail: 'this process has no registry key',
      sinceMs: Date.now(),
    };
    const look = async () => {
      const { recipients, resealed, alias } = await stored.head();
      return { version: 0, recipients, resealed, notedAlias: alias };
    };
    return withoutKey(look, options ? [missing] : []);
  }
  const believed = new Believed();
  const problems = new Problems();
  const context = { connection, prefix: connection.keys.prefix.slice(1, -1), key, sources, believed };
  const memory = openMemoryFile(memoryPath, (err) => report({ kind: 'memory-failed', err }));
  const replace: Replace = createReplace(context, () => looker);
  const { isOverruled, ...proofs } = createProofs(context, () => looker.scope());
  const looker: Looker = new Looker({
    ...context,
    stored,
    problems,
    memory,
    minRev,
    // Another client can have written another type there.
    isOverruled: () => sources.processes().then(isOverruled, () => false),
    replace,
    report,
  });
  const look = inTurn((full) => looker.look(full));
  const requireTrusted = (): void => {
    const code = looker.untrusted();
    if (code !== undefined) throw new RekeyError(code);
  };
  const alone = createTurns();
  const writing: Writing = { context, looker, look, replace, requireTrusted };
  const write = createWrite(writing);
  const noteAlias = createNoteAlias(writing);
  const noteKeySet = createNoteKeySet(writing);
  const writeFacts = createWriteFacts({ ...writing, believed, base: () => looker.base() });
  const trust = createTrust(writing);
  const isListed = (name: string) => believed.listed().some(([one]) => one === name);
  return {
    look,
    startLooking: (everyMs, onError) => startLooking(look, memory, everyMs, onError),
    listen: createListen(connection, looker, look),
    untrusted: () => looker.untrusted(),
    requireTrusted,
    isContested: () => looker.isContested(),
    isRemembered: () => memory.isKept(),
    version: () => believed.version,
    rev: () => believed.manifest?.rev ?? 0,
    list: () => believed.list(),
    get: (name) => believed.get(name),
    lost: () => believed.listed().flatMap(([name]) => (believed.textOf(name) === undefined ? [name] : [])),
    isKnown: async (name) => isListed(name) || (await stored.digests([name])).sha1.get(name) !== '',
    alias: () => believed.fact('alias') ?? ORG_ALIAS,
    keySetId: () => believed.fact('keys'),
    problems: () => problems.list(),
    noteRepaired: (problem) => problems.noteRepaired([problem]),
    write: (...args) => alone(() => write(...args)),
    noteAlias: (...args) => alone(() => noteAlias(...args)),
    noteKeySet: (keySetId) => alone(() => noteKeySet(keySetId)),
    facts: () => believed.manifest?.facts ?? new Map(),
    writeFacts: (changeOf) => alone(() => writeFacts(changeOf)),
    trust: { ...trust, accept: (...args) => alone(() => trust.accept(...args)) },
    ...proofs,
  };
};
