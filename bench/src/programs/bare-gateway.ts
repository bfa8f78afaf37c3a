import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { loadContract } from '@rekey/rpc';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';

/** A handler of RotateSecretKey that only calls `queue.add`: no validation, no record, no request ids. */
const queue = new Queue('bare', {
  connection: new Redis(process.env['REDIS_URL']!, { maxRetriesPerRequest: null }),
});
const server = new Server();
server.addService(loadContract().v1.RotationService.service, {
  RotateSecretKey: (
    call: ServerUnaryCall<{ orgId: string; assistantId: string }, object>,
    callback: sendUnaryData<object>,
  ) => {
    const { orgId, assistantId } = call.request;
    queue.add('rotate', { orgId, assistantId }, { removeOnComplete: true }).then(
      (job) => callback(null, { id: job.id, orgId, assistantId, state: 'QUEUED' }),
      (error: Error) => callback(error),
    );
  },
  // The benchmark calls it to warm up the connection.
  GetRotation: (_call: unknown, callback: sendUnaryData<object>) => callback(null, {}),
});
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(JSON.stringify({ msg: 'ready', address: `127.0.0.1:${port}` }));
});
process.once('SIGTERM', () => process.exit(0));
