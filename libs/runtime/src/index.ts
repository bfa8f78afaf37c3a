export {
  ConfigError,
  addressVariable,
  booleanVariable,
  commonVariables,
  intVariable,
  parseEnvironment,
} from './config/environment.ts';
export { createLogger, droppedLogLines, reportReady, type Logger } from './logger.ts';
export { logEvents, type LogEvent, type LogEventName } from './log-events.ts';
export {
  createLineOutput,
  ignoreOutputErrors,
  openNonBlocking,
  type LineOutput,
} from './logging/line-output.ts';
export {
  createRedisConnections,
  isRedisUnavailable,
  isRedisFull,
  logRedisStatus,
  probeWrite,
  type RedisConnections,
  type RedisStatusListener,
} from './redis/connections/connections.ts';
export { listenFailure } from './network/listen-failure.ts';
export {
  removeRunningStart,
  missingVariables,
  writeRunningStart,
  readRunningStart,
  type RunningStart,
} from './process/running-start.ts';
export { processIdentity } from './process/process-identity.ts';
export { StartError } from './process/start-error.ts';
export { guardRedis, listRights, watchRunId } from './redis/guard-redis.ts';
export { rewriteAppendOnlyFile } from './redis/rewrite-append-only-file.ts';
export {
  createShutdown,
  onNpmExit,
  onParentExit,
  onStopSignal,
  runProcess,
  type Shutdown,
} from './process/shutdown.ts';
export { startHealthServer } from './network/health-server.ts';
export { nextUlid } from './ids/next-ulid.ts';
export { createReplicaConfirmation, type ReplicaConfirmation } from './redis/replica-confirmation.ts';
export { STOP_ACCEPTING_AT, STOP_POSTING_AT, watchMemory, type MemoryWatch } from './redis/watch-memory.ts';
export { refineWorkerVariables, workerVariables } from './config/worker-variables.ts';
export { version } from './version.ts';
