import { hostname } from 'node:os';
import { apiKeysFromFile, createInventClient, keysByOneName, parseBaseUrl, singleApiKey, type InventClientOptions } from '@rekey/invent';
import {
  FOLLOW_UPS_QUEUE, createBulkWork, createBulks, createConsumerPositions, createConsumers, createLedger, createLedgerClock, createOrgAlias, createPolicies, createPolicyQueue, createRequestBudget, createRotationQueue, createSweepQueue, createSweeps, createSystem,
  slotKeepsMs,
} from '@rekey/ledger';
import {
  STOP_POSTING_AT, StartError, answersPing, connectRedis, createReplicaConfirmation, guardRedis, nextUlid, reportReady, runProcess, startHealthServer, watchMemory, watchRunId,
} from '@rekey/runtime';
import { ORG_ALIAS } from '@rekey/schema';
import { createSealer, loadKeyFile } from '@rekey/sealing';
import { startBulkRunner } from './bulk-runner.ts';
import { doBulkTask } from './bulk-tasks.ts';
import { checkAssistant } from './check-assistant.ts';
import { systemClock } from './clock.ts';
import { clockBounds, reportClock, whenClocksAgree } from './clock-watch.ts';
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

const ORG_ALIAS_EVERY_MS = 1000;

await runProcess('worker', WorkerEnvironment, async (config, logger, shutdown) => {
  const keyFile = await loadKeyFile(config.REKEY_KEY_FILE);
  if (keyFile.exposed) logger.warn('the key file can be read by others than its owner; chmod 600 it');
  const sealer = createSealer(keyFile);

  const redis = connectRedis(config.REDIS_URL, { mannered: 'patient', name: 'worker', logger });
  shutdown.defer('redis', () => redis.disconnect());
  await guardRedis(redis, { requireDurable: config.REKEY_REQUIRE_DURABLE_REDIS, logger }).checked;
  const prefix = config.REKEY_PREFIX;
  const limit = { egress: config.INVENT_EGRESS, requestsPerMinute: config.INVENT_REQUESTS_PER_MINUTE };
  let watch: ConsumerWatch | undefined;
  const ledger = createLedger({ redis, prefix, keepEvents: () => watch?.keepEvents() ?? config.REKEY_KEEP_EVENTS, budget: limit, confirmAfterMs: config.REKEY_CONFIRM_AFTER_MS, maxChangedPercent: config.REKEY_MAX_CHANGED_PERCENT });
  const boundTo = await ledger.bind(sealer.fingerprintKeyId);
  if (boundTo !== sealer.fingerprintKeyId) {
    throw new StartError('WRONG_KEY_FILE', `REKEY_KEY_FILE holds key ${sealer.fingerprintKeyId}, but this ledger was begun with ${boundTo}: use that key file, or another REKEY_PREFIX`);
  }
  const ledgerClock = createLedgerClock({ redis, prefix, name: `${hostname()}:${process.pid}`, ...clockBounds(config), onChange: reportClock(logger) });
  await ledgerClock.look();
  shutdown.defer('ledger clock', ledgerClock.start((err) => logger.debug({ err }, 'the clock of Redis could not be looked at')));
  const memory = watchMemory(redis, { threshold: STOP_POSTING_AT, logger, consequence: 'no request leaves for a rotation; what is under way is finished' });
  shutdown.defer('memory', () => memory.close());

  const concurrency = { first: config.WORKER_CONCURRENCY, followUps: Math.ceil(config.WORKER_CONCURRENCY / 4) };
  const configuredKeys = config.INVENT_API_KEYS_FILE
    ? apiKeysFromFile(config.INVENT_API_KEYS_FILE, (err) => logger.error({ err }, 'the changed API keys were not taken; the old ones stay'))
    : singleApiKey(config.INVENT_API_KEY!);
  const meter = createMetrics(createSystem({ redis, prefix }).status, () => ledgerClock.doubt()?.offsetMs);
  const budget = createRequestBudget({ redis, prefix, ...limit });
  const consumers = createConsumers({ redis, prefix, keepEvents: () => config.REKEY_KEEP_EVENTS });
  await consumers.noteSigner(sealer.publicJwk);
  const readers = createReaders({ consumers, sealer, logger });
  await readers.refresh();
  const apiKeys = keysByOneName(configuredKeys, readers.nameOf);
  const upstream = {
    baseUrl: parseBaseUrl(config.INVENT_BASE_URL, config.INVENT_PLAIN_HTTP_HOSTS),
    timeoutMs: config.INVENT_TIMEOUT_MS,
    onLimited: (refused: Parameters<NonNullable<InventClientOptions['onLimited']>>[0]) => {
      meter.limited();
      logger.warn({ ...refused }, 'Invent refused a request for coming too soon (429): all workers slow down');
      budget.slowDown(refused).catch((err: unknown) => logger.warn({ err }, 'the request budget could not be slowed down'));
    },
  } satisfies Partial<InventClientOptions>;
  const invent = askByOneName(createInventClient({ ...upstream, apiKeys, connections: 2 * concurrency.first + concurrency.followUps }), readers.nameOf);
  shutdown.defer('invent', () => invent.close());

  const takeoverAfterMs = config.REKEY_TAKEOVER_AFTER_MS;
  const readLagMs = config.REKEY_READ_LAG_MS;
  const common = { ledger, invent, logger, meter, readLagMs, clock: systemClock, pacer: createPacer({ budget, clock: systemClock, slotKeepsMs: slotKeepsMs(limit) }) };
  const publisher = createPublisher({ ...common, sealer, readers, onPublished: (version) => watch?.published(version) });
  const stopping = new AbortController();
  // Whichever org is named, with the API key of `c`: what answers it is the evidence of which org that is.
  const prober = createInventClient({ ...upstream, apiKeys: Object.assign(() => configuredKeys(ORG_ALIAS), { orgIds: configuredKeys.orgIds }), connections: 2 });
  shutdown.defer('prober', () => prober.close());
  const orgAlias = keepOrgAlias({
    ...common, alias: createOrgAlias({ redis, prefix, keepEvents: () => watch?.keepEvents() ?? config.REKEY_KEEP_EVENTS }), consumers, readers, sealer, prober,
    hasKey: () => configuredKeys(ORG_ALIAS) !== undefined, configured: config.INVENT_ORG_ID, stopping: stopping.signal,
  });
  await orgAlias.establish();
  const checkOne = checkAssistant({ ...common, publisher, nameOf: readers.nameOf });
  const check: typeof checkOne = (target, options) => checkOne({ ...target, orgId: readers.nameOf(target.orgId) }, options);

  const followUps = createRotationQueue(redis, ledger.keys, FOLLOW_UPS_QUEUE);
  shutdown.defer('follow-ups', () => followUps.close());
  const dueChecks = startDueChecks({ ledger, check, logger, takeoverAfterMs: config.INVENT_TIMEOUT_MS + takeoverAfterMs });
  shutdown.defer('due checks', () => dueChecks.close());
  const work = createBulkWork({ redis, prefix, budget: limit });
  const waiting = connectRedis(config.REDIS_URL, { mannered: 'patient', name: 'worker-positions', logger });
  ledgerClock.watch(waiting);
  const positions = createConsumerPositions({
    blocking: waiting,
    prefix,
    onError: (err) => logger.warn({ err }, 'how far consumers have come cannot be read; it is tried again'),
  });
  shutdown.defer('positions', () => positions.close());
  void positions.start();
  watch = startConsumerWatch({ consumers, positions, readers, work, meter, logger, keepEvents: config.REKEY_KEEP_EVENTS });
  shutdown.defer('consumer watch', () => watch?.close());
  const policies = createPolicies({ redis, prefix });
  const policyQueue = createPolicyQueue(redis, ledger.keys);
  shutdown.defer('policy queue', () => policyQueue.close());
  const align = () => alignSchedules(policies, policyQueue);
  await align();
  const housekeeping = startHousekeeping({
    ledger,
    work,
    followUps,
    alignSchedules: align,
    logger,
    keepRotations: config.REKEY_KEEP_ROTATIONS,
    keepBulks: config.REKEY_KEEP_BULKS,
    keepDays: config.REKEY_KEEP_ROTATIONS_DAYS,
    lostAfterMs: takeoverAfterMs,
  });
  shutdown.defer('housekeeping', () => housekeeping.close());

  const swept = { ...common, ledger: { ...ledger, orgs: () => orgsByOneName(ledger, readers.nameOf) }, publisher, check };
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
    logger,
    meter,
  });
  shutdown.defer('sweeps', () => sweeps.close());
  shutdown.defer('sweeps: clocks that agree', whenClocksAgree(ledgerClock, () => sweeps.start()));
  await sweepQueue.schedule(config.REKEY_SWEEP_EVERY_MS);
  watchRunId(redis, logger, async (runId) => {
    if (await ledger.recogniseRedis(runId)) return;
    logger.warn('this Redis was started anew or is another one, and may have lost its last seconds: everything is compared with upstream');
    await sweepQueue.schedule(config.REKEY_SWEEP_EVERY_MS);
    if (config.REKEY_SWEEP_EVERY_MS > 0) await sweeps.requestAll();
  });

  const due = createPolicyConsumer({ redis, keys: ledger.keys, policies, bulks: createBulks({ redis, prefix }), nowMs: ledger.nowMs, takeoverAfterMs, logger });
  shutdown.defer('policies', () => due.close());
  shutdown.defer('policies: clocks that agree', whenClocksAgree(ledgerClock, () => due.start()));

  const replicas = createReplicaConfirmation(redis, {
    replicas: config.REKEY_WAIT_REPLICAS,
    withinMs: config.REKEY_WAIT_REPLICAS_MS,
    connect: () => connectRedis(config.REDIS_URL, { mannered: 'fail-fast', name: 'worker-replicas', logger }),
    mark: ledger.keys.replicated(nextUlid()),
  });
  shutdown.defer('replicas', () => replicas.close());
  const rotating: RotateDeps = {
    ...common,
    publisher,
    stopping: stopping.signal,
    maxOpenIntents: config.REKEY_MAX_UNKNOWNS,
    holdBack: () => (config.REKEY_OBSERVE_ONLY ? 'FROZEN' : ledgerClock.doubt() ? 'CLOCK_JUMP' : memory.usedShare() >= STOP_POSTING_AT ? 'REDIS_MEMORY_LOW' : undefined),
    confirmDurable: replicas.confirm,
    timing: {
      requestTimeoutMs: config.INVENT_TIMEOUT_MS,
      sendWithinMs: takeoverAfterMs / 6,
      leaseMarginMs: takeoverAfterMs / 3,
      landingWindowMs: config.REKEY_LANDING_WINDOW_MS,
      readLagMs,
      retryForMs: config.REKEY_RETRY_FOR_MS,
    },
  };
  const enrolment = startEnrolment({ consumers, ledger, sealer, readers, logger, stopping: stopping.signal });
  shutdown.defer('enrolment', () => enrolment.close());
  const naming = every(ORG_ALIAS_EVERY_MS, () => orgAlias.round(), (err) => logger.warn({ err }, 'the names of orgs could not be looked at; it is tried again'));
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
  shutdown.defer('consumer: clocks that agree', whenClocksAgree(ledgerClock, () => consumer.start()));
  const bulks = startBulkRunner({
    work,
    followUps,
    doTask: doBulkTask({ ...swept, work, budget: limit, retryForMs: config.REKEY_RETRY_FOR_MS, openShare: openPolicyShare(policies), stopping: stopping.signal }),
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
  if (config.REKEY_OBSERVE_ONLY) logger.warn('REKEY_OBSERVE_ONLY is set: everything is compared and published, and no key is rotated');

  const health =
    config.WORKER_HEALTH_ADDRESS &&
    (await startHealthServer({ address: config.WORKER_HEALTH_ADDRESS, variable: 'WORKER_HEALTH_ADDRESS' }, { healthy: () => answersPing(redis, 1000), metrics: meter.render }));
  if (health) shutdown.defer('health', () => health.close());
  reportReady(logger, { ...(health && { address: health.address }), concurrency: String(config.WORKER_CONCURRENCY) });
});
