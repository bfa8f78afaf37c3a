import { apiKeysFromFile, createInventClient, parseBaseUrl, singleApiKey } from '@rekey/invent';
import { FOLLOW_UPS_QUEUE, createLedger, createRotationQueue } from '@rekey/ledger';
import { answersPing, connectRedis, guardRedis, reportReady, runProcess, startHealthServer } from '@rekey/runtime';
import { createSealer, loadKeyFile } from '@rekey/sealing';
import { WorkerEnvironment } from './config.ts';
import { startHousekeeping } from './housekeeping.ts';
import { rotateSecretKey } from './rotate-secret-key.ts';
import { createRotationConsumer } from './rotation-consumer.ts';

await runProcess('worker', WorkerEnvironment, async (config, logger, shutdown) => {
  const keyFile = await loadKeyFile(config.REKEY_KEY_FILE);
  if (keyFile.exposed) logger.warn('the key file can be read by others than its owner; chmod 600 it');
  const sealer = createSealer(keyFile);

  const redis = connectRedis(config.REDIS_URL, { mannered: 'patient', name: 'worker', logger });
  shutdown.defer('redis', () => redis.disconnect());
  await guardRedis(redis, { requireDurable: config.REKEY_REQUIRE_DURABLE_REDIS, logger }).checked;
  const ledger = createLedger({ redis, prefix: config.REKEY_PREFIX, keepEvents: config.REKEY_KEEP_EVENTS });
  const boundTo = await ledger.bind(sealer.fingerprintKeyId);
  if (boundTo !== sealer.fingerprintKeyId) {
    throw new Error(`REKEY_KEY_FILE holds key ${sealer.fingerprintKeyId}, but this ledger was begun with ${boundTo}: use that key file, or another REKEY_PREFIX`);
  }

  const concurrency = { first: config.WORKER_CONCURRENCY, followUps: Math.ceil(config.WORKER_CONCURRENCY / 4) };
  const invent = createInventClient({
    baseUrl: parseBaseUrl(config.INVENT_BASE_URL, config.INVENT_PLAIN_HTTP_HOSTS),
    apiKeys: config.INVENT_API_KEYS_FILE
      ? apiKeysFromFile(config.INVENT_API_KEYS_FILE, (err) => logger.error({ err }, 'the changed API keys were not taken; the old ones stay'))
      : singleApiKey(config.INVENT_API_KEY!),
    timeoutMs: config.INVENT_TIMEOUT_MS,
    connections: concurrency.first + concurrency.followUps,
  });
  shutdown.defer('invent', () => invent.close());

  const followUps = createRotationQueue(redis, ledger.keys, FOLLOW_UPS_QUEUE);
  shutdown.defer('follow-ups', () => followUps.close());

  const housekeeping = startHousekeeping({
    ledger,
    followUps,
    logger,
    keepRotations: config.REKEY_KEEP_ROTATIONS,
    keepDays: config.REKEY_KEEP_ROTATIONS_DAYS,
    lostAfterMs: config.REKEY_TAKEOVER_AFTER_MS,
  });
  shutdown.defer('housekeeping', () => housekeeping.close());

  const stopping = new AbortController();
  const consumer = createRotationConsumer({
    redis,
    keys: ledger.keys,
    followUps,
    concurrency,
    takeoverAfterMs: config.REKEY_TAKEOVER_AFTER_MS,
    rotate: rotateSecretKey({
      ledger,
      invent,
      sealer,
      logger,
      stopping: stopping.signal,
      timing: {
        requestTimeoutMs: config.INVENT_TIMEOUT_MS,
        sendWithinMs: config.REKEY_TAKEOVER_AFTER_MS / 6,
        leaseMarginMs: config.REKEY_TAKEOVER_AFTER_MS / 3,
        landingWindowMs: config.REKEY_LANDING_WINDOW_MS,
        freshForMs: config.REKEY_FRESH_FOR_MS,
        retryForMs: config.REKEY_RETRY_FOR_MS,
      },
    }),
    stopping: stopping.signal,
    logger,
  });
  consumer.start();
  shutdown.defer('consumer', () => {
    stopping.abort();
    return consumer.close();
  });

  const health = config.WORKER_HEALTH_ADDRESS && (await startHealthServer(config.WORKER_HEALTH_ADDRESS, () => answersPing(redis, 1000)));
  if (health) shutdown.defer('health', () => health.close());
  reportReady(logger, { ...(health && { address: health.address }), concurrency: String(config.WORKER_CONCURRENCY) });
});
