import '@rekey/runtime/check-node';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  apiKeysFromFile,
  createByteRoom,
  createInventClient,
  keysByOneName,
  parseBaseUrl,
  proxyFor,
  singleApiKey,
  type InventClientOptions,
} from '@rekey/invent';
import {
  FOLLOW_UPS_QUEUE,
  createBulkWork,
  createBulks,
  createConsumerPositions,
  createConsumers,
  createLedger,
  createLedgerClock,
  createOrgAlias,
  createPolicies,
  createPolicyQueue,
  createProcesses,
  createRequestBudget,
  createRotationQueue,
  createSweepQueue,
  createSweeps,
  createSystem,
  LOOK_AT_LEDGER_EVERY_MS,
  missingRights,
  processId,
  slotKeepsMs,
  startLedgerWatch,
  startPresence,
} from '@rekey/ledger';
import {
  STOP_POSTING_AT,
  StartError,
  createRedisConnections,
  createReplicaConfirmation,
  droppedLogLines,
  guardRedis,
  nextUlid,
  logRedisStatus,
  rewriteAppendOnlyFile,
  runProcess,
  startHealthServer,
  version,
  watchMemory,
  watchRunId,
  probeWrite,
} from '@rekey/runtime';
import { MAX_RECORD_BYTES, ORG_ALIAS } from '@rekey/schema';
import { createSealer, loadKeyFile } from '@rekey/sealing';
import { startBudgetWatch, type BudgetWatch } from './budget-watch.ts';
import { startBulkRunner } from './bulk-runner.ts';
import { doBulkTask } from './bulk-tasks.ts';
import { checkAssistant } from './check-assistant.ts';
import { systemClock } from './clock.ts';
import { clockBounds, clockDoubtToTell, reportClock, whenClocksAgree } from './clock-watch.ts';
import { WorkerEnvironment } from './config.ts';
import { startConsumerWatch, type ConsumerWatch } from './consumer-watch.ts';
import { startDueChecks } from './due-checks.ts';
import { startEnrolment } from './enrolment.ts';
import { every } from './every.ts';
import { startHousekeeping } from './housekeeping.ts';
import { createMetrics } from './meter.ts';
import { askByOneName, keepOrgAlias, orgsByOneName } from './org-alias.ts';
import { createPacer } from './pacer.ts';
import { createPolicyConsumer } from './policy-consumer.ts';
import { alignSchedules } from './policy-schedules.ts';
import { openPolicyShare } from './policy-share.ts';
import { createPublisher } from './publisher.ts';
import { createReaders } from './readers.ts';
import { leaseMs, postClaimed, rotateSecretKey, windowMs, type RotateDeps } from './rotate-secret-key.ts';
import { createRotationConsumer } from './rotation-consumer.ts';
import { createSweepConsumer } from './sweep-consumer.ts';
import { sweep } from './sweep.ts';
import { createTally } from './tally.ts';

const ORG_ALIAS_EVERY_MS = 1000;

await runProcess('worker', WorkerEnvironment, async (config, logger, shutdown) => {
  const keyFile = await loadKeyFile(config.REKEY_KEY_FILE, 'REKEY_KEY_FILE');
  if (keyFile.exposed) logger.warn('the key file can be read by others than its owner; chmod 600 it');
  const sealer = createSealer(keyFile);

  const connections = createRedisConnections(config.REDIS_URL, {
    listener: logRedisStatus(config.REDIS_URL, logger),
  });
  const redis = connections.connect({ onDisconnect: 'retry', name: 'worker' });
  shutdown.defer('redis', () => redis.disconnect());
  await guardRedis(redis, {
    requireDurable: config.REKEY_REQUIRE_DURABLE_REDIS,
    missingRights: () => missingRights(redis, config.REKEY_PREFIX),
    logger,
  }).checked;
  const prefix = config.REKEY_PREFIX;
  const limit = { egress: config.INVENT_EGRESS, requestsPerMinute: config.INVENT_REQUESTS_PER_MINUTE };
  let watch: ConsumerWatch | undefined;
  const ledger = createLedger({
    redis,
    prefix,
    keepEvents: () => watch?.keepEvents() ?? config.REKEY_KEEP_EVENTS,
    budget: limit,
    confirmAfterMs: config.REKEY_CONFIRM_AFTER_MS,
    maxChangedPercent: config.REKEY_MAX_CHANGED_PERCENT,
  });
  const mayBegin = config.REKEY_ALLOW_NEW_LEDGER;
  const { boundTo, began } = await ledger.recognise({ fingerprintKeyId: sealer.fingerprintKeyId, mayBegin });
  if (boundTo !== sealer.fingerprintKeyId) {
    throw new StartError(
      'WRONG_KEY_FILE',
      `REKEY_KEY_FILE holds key ${sealer.fingerprintKeyId}, but this ledger was begun with ${boundTo}: use that key file, or another REKEY_PREFIX`,
    );
  }
  const ledgerClock = createLedgerClock({
    redis,
    prefix,
    name: `${hostname()}:${process.pid}`,
    ...clockBounds(config),
    onChange: reportClock(logger),
  });
  await ledgerClock.look();
  shutdown.defer(
    'ledger clock',
    ledgerClock.start((err) => logger.debug({ err }, 'the clock of Redis could not be looked at')),
  );
  // A process that knew another ledger, which vanished a moment ago, marks this one as lost within that time:
  // until then nothing is begun in it.
  if (began) await sleep(2 * LOOK_AT_LEDGER_EVERY_MS);
  const memory = watchMemory(redis, {
    threshold: STOP_POSTING_AT,
    logger,
    consequence: 'no request leaves for a rotation; what is under way is finished',
  });
  shutdown.defer('memory', () => memory.close());

  const concurrency = {
    first: config.WORKER_CONCURRENCY,
    followUps: Math.ceil(config.WORKER_CONCURRENCY / 4),
  };
  const configuredKeys = config.INVENT_API_KEYS_FILE
    ? apiKeysFromFile(config.INVENT_API_KEYS_FILE, (err) =>
        logger.error({ err }, 'the changed API keys were not taken; the old ones stay'),
      )
    : singleApiKey(config.INVENT_API_KEY!);
  const waiting = connections.connect({ onDisconnect: 'retry', name: 'worker-positions' });
  ledgerClock.watch(waiting);
  const positions = createConsumerPositions({
    blocking: waiting,
    prefix,
    onError: (err) => logger.warn({ err }, 'how far consumers have come cannot be read; it is tried again'),
  });
  shutdown.defer('positions', () => positions.close());
  const system = createSystem({ redis, prefix, positions: positions.start().then(() => positions) });
  const meter = createMetrics(system.status, () => ledgerClock.doubt()?.offsetMs, droppedLogLines);
  const ledgerWatch = startLedgerWatch({
    ledger,
    fingerprintKeyId: sealer.fingerprintKeyId,
    mayBegin,
    holdings: system.holdings,
    onLost: ({ id }) =>
      logger.error(
        { ledger_id: id, code: 'LEDGER_LOST' },
        'the ledger in Redis vanished: no request that replaces a key leaves until an operator restores it or adopts the new one (rekey ledger adopt)',
      ),
    onWhole: ({ id }) =>
      logger.warn({ ledger_id: id }, 'the ledger is whole again, or was adopted: rotations resume'),
    onError: (err) => logger.warn({ err }, 'the ledger cannot be looked at; retrying'),
  });
  shutdown.defer('ledger watch', () => ledgerWatch.close());
  const budget = createRequestBudget({ redis, prefix, ...limit });
  let budgetWatch: BudgetWatch | undefined;
  const consumers = createConsumers({ redis, prefix, keepEvents: () => config.REKEY_KEEP_EVENTS });
  await consumers.noteSigner(sealer.publicJwk);
  const readers = createReaders({ consumers, sealer, logger });
  await readers.refresh();
  const apiKeys = keysByOneName(configuredKeys, readers.nameOf);
  const baseUrl = parseBaseUrl(config.INVENT_BASE_URL, config.INVENT_PLAIN_HTTP_HOSTS);
  const proxy = proxyFor(baseUrl, config);
  if (proxy)
    logger.info(
      { event: 'proxy', proxy: proxy.origin, variable: proxy.variable },
      'requests to Invent go through a proxy',
    );
  const upstream = {
    baseUrl,
    proxy,
    timeoutMs: config.INVENT_TIMEOUT_MS,
    onLimited: (refused: Parameters<NonNullable<InventClientOptions['onLimited']>>[0]) => {
      meter.limited();
      budgetWatch?.refused(refused);
    },
    onAnswered: (request: Parameters<NonNullable<InventClientOptions['onAnswered']>>[0]) =>
      budgetWatch?.answered(request),
  } satisfies Partial<InventClientOptions>;
  // A record takes up to nine times its length on the heap until it is published.
  const answers = createByteRoom(MAX_RECORD_BYTES);
  const invent = askByOneName(
    createInventClient({
      ...upstream,
      apiKeys,
      decoding: answers,
      connections: 2 * concurrency.first + concurrency.followUps,
    }),
    readers.nameOf,
  );
  shutdown.defer('invent', () => invent.close());
  budgetWatch = startBudgetWatch({ budget, limited: limit.requestsPerMinute > 0, logger });
  shutdown.defer('budget watch', () => budgetWatch.close());

  const takeoverAfterMs = config.REKEY_TAKEOVER_AFTER_MS;
  const readLagMs = config.REKEY_READ_LAG_MS;
  const common = {
    ledger,
    invent,
    answers,
    logger,
    meter,
    readLagMs,
    clock: systemClock,
    pacer: createPacer({ budget, clock: systemClock, slotKeepsMs: slotKeepsMs(limit) }),
  };
  const publisher = createPublisher({
    ...common,
    sealer,
    readers,
    onPublished: (published) => watch?.published(published),
  });
  const stopping = new AbortController();
  // Whichever org is named, with the API key of `c`: what answers it is the evidence of which org that is.
  const prober = createInventClient({
    ...upstream,
    apiKeys: Object.assign(() => configuredKeys(ORG_ALIAS), { orgIds: configuredKeys.orgIds }),
    connections: 2,
  });
  shutdown.defer('prober', () => prober.close());
  const orgAlias = keepOrgAlias({
    ...common,
    alias: createOrgAlias({
      redis,
      prefix,
      keepEvents: () => watch?.keepEvents() ?? config.REKEY_KEEP_EVENTS,
    }),
    consumers,
    readers,
    sealer,
    prober,
    hasKey: () => configuredKeys(ORG_ALIAS) !== undefined,
    configured: config.INVENT_ORG_ID,
    stopping: stopping.signal,
  });
  await orgAlias.establish();
  const checkOne = checkAssistant({ ...common, publisher, nameOf: readers.nameOf });
  const check: typeof checkOne = (target, options) =>
    checkOne({ ...target, orgId: readers.nameOf(target.orgId) }, options);

  const followUps = createRotationQueue(redis, ledger.keys, FOLLOW_UPS_QUEUE);
  shutdown.defer('follow-ups', () => followUps.close());
  const dueChecks = startDueChecks({
    ledger,
    check,
    logger,
    takeoverAfterMs: config.INVENT_TIMEOUT_MS + takeoverAfterMs,
  });
  shutdown.defer('due checks', () => dueChecks.close());
  const work = createBulkWork({ redis, prefix, budget: limit, ledgerId: ledger.knownId });
  watch = startConsumerWatch({
    consumers,
    positions,
    readers,
    work,
    meter,
    logger,
    keepEvents: config.REKEY_KEEP_EVENTS,
  });
  shutdown.defer('consumer watch', () => watch?.close());
  const policies = createPolicies({ redis, prefix });
  const policyQueue = createPolicyQueue(redis, ledger.keys);
  shutdown.defer('policy queue', () => policyQueue.close());
  const alignPolicies = () => alignSchedules(policies, policyQueue, logger);
  await alignPolicies();
  const swept = {
    ...common,
    ledger: { ...ledger, orgs: () => orgsByOneName(ledger, readers.nameOf) },
    publisher,
    check,
  };
  const sweepAll = sweep({ ...swept, configuredOrgs: apiKeys.orgIds });
  const sweepQueue = createSweepQueue(redis, ledger.keys);
  shutdown.defer('sweep queue', () => sweepQueue.close());
  const sweeps = createSweepConsumer({
    redis,
    keys: ledger.keys,
    sweeps: createSweeps({ redis, prefix }),
    queue: sweepQueue,
    sweep: async (orgId, counts, save) => {
      await orgAlias.beforeSweep(save);
      return sweepAll(orgId === undefined ? undefined : readers.nameOf(orgId), counts, save);
    },
    takeoverAfterMs: config.INVENT_TIMEOUT_MS * 4 + takeoverAfterMs,
    everyMs: config.REKEY_SWEEP_EVERY_MS,
    sweepTimes: system.sweepTimes,
    heldOrgs: ledger.heldOrgs,
    logger,
    meter,
  });
  shutdown.defer('sweeps', () => sweeps.close());
  shutdown.defer(
    'sweeps: clocks that agree',
    whenClocksAgree(ledgerClock, () => sweeps.start()),
  );
  await sweepQueue.schedule(config.REKEY_SWEEP_EVERY_MS);
  if (config.REKEY_SWEEP_EVERY_MS === 0)
    logger.warn(
      'REKEY_SWEEP_EVERY_MS is 0: nothing is compared with Invent unless an operator runs rekey sweep, or Redis was restarted',
    );
  const housekeeping = startHousekeeping({
    ledger,
    work,
    followUps,
    alignPolicies,
    alignSweeps: sweeps.align,
    logger,
    keepRotations: config.REKEY_KEEP_ROTATIONS,
    keepBulks: config.REKEY_KEEP_BULKS,
    keepDays: config.REKEY_KEEP_ROTATIONS_DAYS,
    lostAfterMs: takeoverAfterMs,
    // A landing window, or a minute of pause that is spread.
    longestPutOffMs:
      windowMs({
        sendWithinMs: takeoverAfterMs / 6,
        landingWindowMs: config.REKEY_LANDING_WINDOW_MS,
        readLagMs,
      }) +
      2 * 60_000,
  });
  shutdown.defer('housekeeping', () => housekeeping.close());
  watchRunId(redis, logger, async (runId) => {
    const { due } = await ledger.recogniseRedis(runId);
    if (due.includes('compared')) {
      logger.warn(
        'this Redis was started anew or is another one, and may have lost its last seconds: everything is compared with upstream',
      );
      await sweepQueue.schedule(config.REKEY_SWEEP_EVERY_MS);
      // Also where sweeps are made on demand only: what was lost shows nowhere else.
      await sweeps.requestAll();
      await ledger.noteDone('compared', runId);
    }
    if (due.includes('rewritten') && (await rewriteAppendOnlyFile(redis, logger)))
      await ledger.noteDone('rewritten', runId);
  });

  const due = createPolicyConsumer({
    redis,
    keys: ledger.keys,
    policies,
    bulks: createBulks({ redis, prefix }),
    nowMs: ledger.nowMs,
    takeoverAfterMs,
    logger,
  });
  shutdown.defer('policies', () => due.close());
  shutdown.defer(
    'policies: clocks that agree',
    whenClocksAgree(ledgerClock, () => due.start()),
  );

  const replicas = createReplicaConfirmation(redis, {
    replicas: config.REKEY_WAIT_REPLICAS,
    withinMs: config.REKEY_WAIT_REPLICAS_MS,
    connect: () => connections.connect({ onDisconnect: 'fail', name: 'worker-replicas' }),
    mark: ledger.keys.replicated(nextUlid()),
  });
  shutdown.defer('replicas', () => replicas.close());
  // What a POST is answered with, until it is published, exists nowhere else.
  const unpublished = createTally();
  const rotating: RotateDeps = {
    ...common,
    invent: {
      ...invent,
      rotateSecretKey: (...request) => unpublished.during(invent.rotateSecretKey(...request)),
    },
    publisher: { ...publisher, publish: (...key) => unpublished.during(publisher.publish(...key)) },
    stopping: stopping.signal,
    maxOpenIntents: config.REKEY_MAX_UNKNOWNS,
    holdBack: () =>
      ledgerWatch.holdBack() ??
      (config.REKEY_OBSERVE_ONLY
        ? 'FROZEN'
        : ledgerClock.doubt()
          ? 'CLOCK_JUMP'
          : memory.usedShare() >= STOP_POSTING_AT
            ? 'REDIS_MEMORY_LOW'
            : undefined),
    confirmDurable: replicas.confirm,
    timing: {
      requestTimeoutMs: config.INVENT_TIMEOUT_MS,
      sendWithinMs: takeoverAfterMs / 6,
      leaseMarginMs: takeoverAfterMs / 3,
      landingWindowMs: config.REKEY_LANDING_WINDOW_MS,
      confirmAfterMs: config.REKEY_CONFIRM_AFTER_MS,
      readLagMs,
      retryForMs: config.REKEY_RETRY_FOR_MS,
    },
  };
  const enrolment = startEnrolment({ consumers, ledger, sealer, readers, logger, stopping: stopping.signal });
  shutdown.defer('enrolment', () => enrolment.close());
  const naming = every(
    ORG_ALIAS_EVERY_MS,
    () => orgAlias.round(),
    (err) => logger.warn({ err }, 'the names of orgs could not be looked at; it is tried again'),
  );
  shutdown.defer('org names', () => naming.close());
  const consumer = createRotationConsumer({
    redis,
    keys: ledger.keys,
    ledger,
    followUps,
    concurrency,
    takeoverAfterMs,
    rotate: rotateSecretKey(rotating),
    stopping: stopping.signal,
    logger,
  });
  shutdown.defer('consumer', () => consumer.close());
  shutdown.defer(
    'consumer: clocks that agree',
    whenClocksAgree(ledgerClock, () => consumer.start()),
  );
  const bulks = startBulkRunner({
    work,
    followUps,
    doTask: doBulkTask({
      ...swept,
      work,
      budget: limit,
      retryForMs: config.REKEY_RETRY_FOR_MS,
      openShare: openPolicyShare(policies),
      stopping: stopping.signal,
    }),
    post: postClaimed(rotating),
    clock: systemClock,
    logger,
    concurrency: concurrency.first,
    maxOpenIntents: rotating.maxOpenIntents,
    claimLeaseMs: leaseMs(rotating.timing),
    landingWindowMs: windowMs(rotating.timing),
    takeoverAfterMs,
    holdBack: rotating.holdBack,
    stopping: stopping.signal,
  });
  shutdown.defer('bulk rotations', () => bulks.close());
  shutdown.defer('stopping', () => stopping.abort());
  if (config.REKEY_OBSERVE_ONLY)
    logger.warn('REKEY_OBSERVE_ONLY is set: everything is compared and published, and no key is rotated');

  const mark = ledger.keys.health(nextUlid());
  const health =
    config.WORKER_HEALTH_ADDRESS &&
    (await startHealthServer(
      { address: config.WORKER_HEALTH_ADDRESS, variable: 'WORKER_HEALTH_ADDRESS' },
      { healthy: async () => (await probeWrite(redis, mark, 1000)) === undefined, metrics: meter.render },
    ));
  if (health) shutdown.defer('health', () => health.close());
  const id = processId({
    kind: 'worker',
    host: hostname(),
    pid: process.pid,
    random: randomBytes(4).toString('hex'),
  });
  const presence = startPresence(
    createProcesses({ redis, prefix }),
    () => ({
      id,
      kind: 'worker',
      roles: ['rotating', 'sweeping'],
      version,
      settings: {
        egress: config.INVENT_EGRESS,
        sweepEveryMs: config.REKEY_SWEEP_EVERY_MS,
        landingWindowMs: windowMs(rotating.timing),
        maxUnknowns: config.REKEY_MAX_UNKNOWNS,
        observeOnly: config.REKEY_OBSERVE_ONLY,
        ...clockDoubtToTell(ledgerClock.doubt()),
      },
    }),
    (err) => logger.warn({ err }, 'the ledger could not be told that this worker is live; retrying'),
  );
  shutdown.defer('presence', () => presence.close());
  shutdown.defer('connections of a Redis that is away', () =>
    connections.closeUnresponsive({ hasUnsavedResults: () => unpublished.count() > 0 }),
  );
  logger.event('ready', {
    ...(health && { address: health.address }),
    concurrency: String(config.WORKER_CONCURRENCY),
  });
});
