// @ts-check
/*
 * The program of the thread that serves health and metrics over HTTP: `src/network/health-server.ts` starts it.
 * It waits for nothing that the main thread does, except for metrics. A CommonJS file that needs no
 * compilation: an ES module takes 5 MB more of memory, and one file serves sources and built apps.
 */
const { createServer } = require('node:http');
const { parentPort, workerData } = require('node:worker_threads');

/** @typedef {import('node:http').ServerResponse} Response */

/** @type {import('./src/network/health-server.ts').HealthThreadData} */
const { host, port, shared, limits } = workerData;
const main = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const state = new BigInt64Array(shared);
const text = { 'content-type': 'text/plain' };

/** @type {(response: Response, why?: string) => void} */
const refuse = (response, why) =>
  void response.writeHead(503, text).end(why === undefined ? 'NOT_SERVING\n' : `NOT_SERVING: ${why}\n`);

/** @type {(response: Response) => void} */
const answerHealth = (response) => {
  const silentMs = Number((process.hrtime.bigint() - Atomics.load(state, 0)) / 1_000_000n);
  if (silentMs > limits.stuckAfterMs)
    refuse(response, `the event loop of the process has been held up for ${Math.floor(silentMs / 1000)} s`);
  else if (Atomics.load(state, 1) === 1n) response.writeHead(200, text).end('SERVING\n');
  else refuse(response);
};

/** Requests of metrics that are not answered, or whose answer is not read, by number. */
/** @type {Map<number, Response>} */
const asked = new Map();
let last = 0;

/** @type {(response: Response) => void} */
const answerMetrics = (response) => {
  if (asked.size >= limits.metricsAtOnce) return refuse(response, 'too many requests of metrics');
  const id = (last += 1);
  asked.set(id, response);
  const late = setTimeout(() => {
    if (response.headersSent) response.destroy();
    else refuse(response, `the event loop of the process has not answered in ${limits.requestMs / 1000} s`);
  }, limits.requestMs);
  response.once('close', () => {
    clearTimeout(late);
    asked.delete(id);
  });
  main.postMessage({ metrics: id });
};

main.on('message', ({ id, bytes }) => {
  const response = asked.get(id);
  if (!response || response.headersSent) return;
  if (bytes === undefined) response.writeHead(500).end();
  else response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(bytes);
});

const server = createServer(
  {
    headersTimeout: limits.requestMs / 2,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: 1000,
  },
  (request, response) => {
    const path = request.method === 'GET' ? request.url : '';
    if (path === '/healthz') answerHealth(response);
    else if (path === '/metrics') answerMetrics(response);
    else response.writeHead(404).end();
  },
);
server.maxConnections = limits.connections;
/** @type {(error: NodeJS.ErrnoException) => void} */
const onFailed = ({ code, message }) => main.postMessage({ failed: { code, message } });
server.once('error', onFailed);
server.listen(port, host, () => {
  server.off('error', onFailed);
  const bound = /** @type {import('node:net').AddressInfo} */ (server.address());
  main.postMessage({ listening: bound.port });
});
