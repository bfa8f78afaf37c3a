export { startChild, lineOf, resultOf, type Child } from './child.ts';
export { createConnectProxy, type ConnectProxy, type ConnectProxyOptions } from './connect-proxy.ts';
export { findNode } from './find-node.ts';
export { findRedis, type RedisBinary } from './find-redis.ts';
export {
  freePort,
  isPortFree,
  startRedis,
  type RedisServer,
  type RedisServerOptions,
} from './redis-server.ts';
export { launchApp, repositoryRoot, type App, type LaunchOptions } from './launch-app.ts';
export { createTcpProxy, type TcpProxy, type TcpProxyOptions } from './tcp-proxy.ts';
export { variableChecks } from './variable-checks.ts';
