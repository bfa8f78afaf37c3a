export {
  ConfigError,
  addressVariable,
  booleanVariable,
  commonVariables,
  intVariable,
  parseEnvironment,
} from './config.ts';
export { createLogger, droppedLogLines, reportReady, type Logger } from './logger.ts';
export { logEvents, type LogEvent, type LogEventName } from './log-events.ts';
export { createLineOutput, ignoreOutputErrors, withoutBlocking, type LineOutput } from './line-output.ts';
export {
  createRedisConnections,
  isRedisAway,
  isRedisFull,
  reportRedis,
  whyNotWritable,
  type RedisConnections,
  type RedisReports,
} from './redis.ts';
export { listenFailure } from './listen-failure.ts';
export {
  forgetRunningStart,
  lackingVariables,
  noteRunningStart,
  readRunningStart,
  type RunningStart,
} from './running-start.ts';
export { processIdentity } from './process-identity.ts';
export { StartError } from './start-error.ts';
export { guardRedis, listRights, watchRunId } from './guard-redis.ts';
export { rewriteAppendOnlyFile } from './rewrite-append-only-file.ts';
export {
  createShutdown,
  onNpmGone,
  onParentGone,
  onStopSignal,
  runProcess,
  type Shutdown,
} from './shutdown.ts';
export { startHealthServer } from './health-server.ts';
export { nextUlid } from './next-ulid.ts';
export { createReplicaConfirmation, type ReplicaConfirmation } from './replicas.ts';
export { STOP_ACCEPTING_AT, STOP_POSTING_AT, watchMemory, type MemoryWatch } from './watch-memory.ts';
export { refineWorkerVariables, workerVariables } from './worker-variables.ts';
export { version } from './version.ts';
