// @ts-check
/*
 * The program of the thread that serves health and metrics over HTTP: `src/network/health-thread.ts` starts it.
 * It waits for nothing that the main thread does, except for metrics. A CommonJS file that needs no
 * compilation: an ES module takes 5 MB more of memory, and one file serves sources and built apps.
 */
const { createServer } = require('node:http');
const { parentPort, workerData } = require('node:worker_threads');

/** @typedef {import('node:http').ServerResponse} Response */

/** @type {import('./src/network/health-thread.ts').HealthThreadData} */
const { host, port, shared, limits } = workerData;
const main = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const state = new BigInt64Array(shared);
const text = { 'content-type': 'text/plain' };

/** @type {(response: Response, why?: string) => void} */
const refuse = (response, why) =>
  void response.writeHead(503, text).end(why === undefined ? 'NOT_SERVING\n' : `NOT_SERVING: ${why}\n`);

const now = () => process.hrtime.bigint();
/** @type {(fromNs: bigint, toNs: bigint) => number} */
const msBetween = (fromNs, toNs) => Number((toNs - fromNs) / 1_000_000n);

const RUNS_EVERY_MS = 250;
let ranNs = now();
let resumedNs = ranNs;
/** If this thread has not run either, the whole process was stopped: that is no fault of its event loop. */
const noteRun = () => {
  const nowNs = now();
  if (msBetween(ranNs, nowNs) > limits.stuckAfterMs / 2) resumedNs = nowNs;
  ranNs = nowNs;
  return nowNs;
};
setInterval(noteRun, RUNS_EVERY_MS);

/**
 * Answers 503 if the process does not run, and otherwise whether it is healthy, or, for `/livez`, 200.
 * @type {(response: Response, path: string) => void}
 */
const answerHealth = (response, path) => {
  const nowNs = noteRun();
  const beatNs = Atomics.load(state, 0);
  const silentMs = msBetween(beatNs > resumedNs ? beatNs : resumedNs, nowNs);
  const reportedMs = msBetween(Atomics.load(state, 2), nowNs);
  if (silentMs > limits.stuckAfterMs)
    refuse(response, `the event loop of the process has been held up for ${Math.floor(silentMs / 1000)} s`);
  else if (path === '/livez') response.writeHead(200, text).end('ALIVE\n');
  else if (Atomics.load(state, 1) !== 1n) refuse(response);
  else if (reportedMs > limits.reportedWithinMs)
    refuse(response, `whether Redis accepts writes is not known for ${Math.floor(reportedMs / 1000)} s`);
  else response.writeHead(200, text).end('SERVING\n');
};

/**
 * Requests of metrics that the main thread has not answered, or whose answer is not read, by number.
 * @type {Map<number, { response: Response, isAnswered: boolean }>}
 */
const asked = new Map();
let last = 0;

/** @type {(response: Response) => void} */
const answerMetrics = (response) => {
  if (asked.size >= limits.metricsAtOnce) return refuse(response, 'too many requests of metrics');
  const id = (last += 1);
  const request = { response, isAnswered: false };
  asked.set(id, request);
  const late = setTimeout(() => {
    if (response.headersSent) response.destroy();
    else refuse(response, `the event loop of the process has not answered in ${limits.requestMs / 1000} s`);
  }, limits.requestMs);
  response.once('close', () => {
    clearTimeout(late);
    if (request.isAnswered) asked.delete(id);
  });
  main.postMessage({ metrics: id }, []);
};

main.on('message', ({ id, bytes }) => {
  const request = asked.get(id);
  if (!request) return;
  const { response } = request;
  request.isAnswered = true;
  if (response.closed) asked.delete(id);
  else if (response.headersSent) return;
  else if (bytes === undefined) response.writeHead(500).end();
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
    if (path === '/healthz' || path === '/livez') answerHealth(response, path);
    else if (path === '/metrics') answerMetrics(response);
    else response.writeHead(404).end();
  },
);
server.maxConnections = limits.connections;
/** @type {(error: NodeJS.ErrnoException) => void} */
const onFailed = ({ code, message }) => main.postMessage({ failed: { code, message } }, []);
server.once('error', onFailed);
server.listen(port, host, () => {
  server.off('error', onFailed);
  // A connection that cannot be accepted, for want of files, concerns nothing else.
  server.on('error', () => {});
  const bound = /** @type {import('node:net').AddressInfo} */ (server.address());
  main.postMessage({ listening: bound.port }, []);
});
