import { Worker } from 'bullmq';
import { Redis } from 'ioredis';

/*
 * The worker that one writes after an afternoon with the tutorials: one job an assistant, global fetch, the record published
 * as JSON in clear, and returned as the job's value. No idempotency, no ledger, no sealing, no outcome sorting.
 */
const [redisUrl, baseUrl, apiKey] = [process.env['REDIS_URL']!, process.env['INVENT_BASE_URL']!, process.env['INVENT_API_KEY']!];
const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
const publisher = new Redis(redisUrl);

const worker = new Worker(
  'tutorial',
  async (job) => {
    const { orgId, assistantId } = job.data as { orgId: string; assistantId: string };
    const response = await fetch(`${baseUrl}/orgs/${orgId}/assistants/${assistantId}/rotate-secret-key`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}` },
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const assistant = await response.json();
    await publisher.publish('assistant-rotated', JSON.stringify(assistant));
    return assistant;
  },
  { connection, concurrency: 50 },
);
await worker.waitUntilReady();
console.log(JSON.stringify({ msg: 'ready' }));

process.once('SIGTERM', async () => {
  await worker.close();
  process.exit(0);
});
