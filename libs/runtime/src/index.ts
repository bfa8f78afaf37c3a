export {
  addressVariable,
  booleanVariable,
  commonVariables,
  registryVariables,
  intVariable,
  parseEnvironment,
} from './config/environment.ts';
export { readRedisUrlFile } from './config/redis-url-file.ts';
export { refineWorkerVariables, workerVariables } from './config/worker-variables.ts';
export { isEntryOlderThan, nextUlid } from './ids/next-ulid.ts';
export { logEvents, type LogEventName } from './logging/log-events.ts';
export { createLogger, droppedLogLines, flushLog, type Logger } from './logging/logger.ts';
export {
  createLineOutput,
  ignoreOutputErrors,
  openNonBlocking,
  type LineOutput,
} from './logging/line-output.ts';
export { createRecordingLogger, silentLogger, type LoggedEvent } from './logging/spec-loggers.ts';
export { startHealthServer, type HealthServer } from './network/health-server.ts';
export { listenFailure } from './network/listen-failure.ts';
export { onNpmExit, onParentExit } from './process/parent-exit.ts';
export { processIdentity } from './process/process-identity.ts';
export { runProcess } from './process/run-process.ts';
export {
  missingVariables,
  readRunningStart,
  removeRunningStart,
  stillWithheld,
  writeRunningStart,
} from './process/running-start.ts';
export type { Shutdown } from './process/shutdown.ts';
export { StartError } from './process/start-error.ts';
export { onStopSignal } from './process/stop-signals.ts';
export { createRedisConnections, type RedisConnections } from './redis/connections/connections.ts';
export type { RedisStatusListener } from './redis/connections/status-listener.ts';
export { guardRedis, listRights } from './redis/guard-redis.ts';
export { logRedisStatus } from './redis/log-redis-status.ts';
export { probeWrite, watchWrites } from './redis/probe-write.ts';
export { isRedisFull, isRedisNotPermitted, isRedisUnavailable } from './redis/redis-errors.ts';
export { createReplicaConfirmation } from './redis/replica-confirmation.ts';
export { rewriteAppendOnlyFile } from './redis/rewrite-append-only-file.ts';
export { STOP_ACCEPTING_AT, STOP_POSTING_AT, watchMemory, type MemoryWatch } from './redis/watch-memory.ts';
export { watchRunId } from './redis/watch-run-id.ts';
export { version } from './version.ts';
