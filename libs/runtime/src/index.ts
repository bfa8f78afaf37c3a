export { ConfigError, addressVariable, booleanVariable, commonVariables, intVariable, parseEnvironment } from './config.ts';
export { createLogger, reportReady, type Logger } from './logger.ts';
export { answersPing, connectRedis, isRedisAway, isRedisFull } from './redis.ts';
export { guardRedis, watchRunId } from './guard-redis.ts';
export { createShutdown, runProcess, type Shutdown } from './shutdown.ts';
export { startHealthServer } from './health-server.ts';
export { pooledRandom } from './pooled-random.ts';
export { createReplicaConfirmation } from './replicas.ts';
export { STOP_ACCEPTING_AT, STOP_POSTING_AT, watchMemory, type MemoryWatch } from './watch-memory.ts';
