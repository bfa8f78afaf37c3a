export { ConfigError, addressVariable, commonVariables, intVariable, parseEnvironment } from './config.ts';
export { createLogger, reportReady, type Logger } from './logger.ts';
export { answersPing, connectRedis, isRedisAway } from './redis.ts';
export { guardRedis } from './guard-redis.ts';
export { createShutdown, runProcess, type Shutdown } from './shutdown.ts';
export { startHealthServer } from './health-server.ts';
