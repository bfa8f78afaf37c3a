import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

/*
 * A worker as BullMQ's tutorials lead to: one job for each assistant, global fetch, the record published as
 * JSON in clear and returned as the job's value. It has no idempotency, no ledger, no sealing, and treats
 * every failed POST alike. With LIMIT_REQUESTS and LIMIT_WINDOW_MS it uses BullMQ's limiter, and waits after
 * a 429, both as BullMQ's documentation says.
 */
const [redisUrl, baseUrl, apiKey] = [
  process.env['REDIS_URL']!,
  process.env['INVENT_BASE_URL']!,
  process.env['INVENT_API_KEY']!,
];
const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
const publisher = new Redis(redisUrl);
const queue = new Queue('tutorial', { connection: publisher });
const [max, duration] = [
  Number(process.env['LIMIT_REQUESTS'] ?? 0),
  Number(process.env['LIMIT_WINDOW_MS'] ?? 0),
];

const worker = new Worker(
  'tutorial',
  async (job) => {
    const { orgId, assistantId } = job.data as { orgId: string; assistantId: string };
    const response = await fetch(`${baseUrl}/orgs/${orgId}/assistants/${assistantId}/rotate-secret-key`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}` },
    });
    if (response.status === 429) {
      await queue.rateLimit(1000 * Number(response.headers.get('retry-after') ?? 1));
      throw Worker.RateLimitError();
    }
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const assistant = await response.json();
    await publisher.publish('assistant-rotated', JSON.stringify(assistant));
    return assistant;
  },
  { connection, concurrency: 50, ...(max > 0 && { limiter: { max, duration } }) },
);
await worker.waitUntilReady();
console.log(JSON.stringify({ msg: 'ready' }));

process.once('SIGTERM', async () => {
  await worker.close();
  process.exit(0);
});
