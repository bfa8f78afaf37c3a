export { baseEnvironment } from './processes/base-environment.ts';
export { startChild, lineOf, resultOf, type Child } from './processes/child.ts';
export { createConnectProxy, type ConnectProxy, type ConnectProxyOptions } from './connect-proxy.ts';
export { findNode } from './processes/find-node.ts';
export { findRedis } from './redis/find-redis.ts';
export {
  freePort,
  isPortFree,
  startRedis,
  type RedisServer,
  type RedisServerOptions,
} from './redis/redis-server.ts';
export { launchApp, repositoryRoot, type App, type LaunchOptions } from './processes/launch-app.ts';
export { createTcpProxy, type TcpProxy } from './tcp-proxy/tcp-proxy.ts';
export { specRegistry } from './spec-registry.ts';
export { variableChecks } from './variable-checks.ts';
