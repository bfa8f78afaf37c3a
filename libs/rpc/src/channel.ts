import { isIP } from 'node:net';
import type { ChannelOptions } from '@grpc/grpc-js';
import { MAX_RECORD_BYTES } from '@rekey/schema';

/**
 * The longest message that the gateway sends, and that a client has to take: a record of MAX_RECORD_BYTES
 * sealed for a hundred consumers is a third longer. gRPC takes 4 MiB where nothing is said.
 */
export const MAX_MESSAGE_BYTES = 2 * MAX_RECORD_BYTES;

/** Of HOST:PORT. */
const hostOf = (address: string): string => address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');

/**
 * Whether nothing that is sent there leaves the machine. A name other than `localhost` is not looked up: it
 * counts as remote.
 */
export const isLoopback = (address: string): boolean => {
  if (address.startsWith('unix:')) return true;
  const host = hostOf(address).toLowerCase();
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
};

/**
 * grpc-js goes through the proxy that `grpc_proxy`, `https_proxy` or `http_proxy` names, also to loopback.
 * That is none of a proxy's business.
 */
export const channelOptionsFor = (address: string): ChannelOptions => ({
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  ...(isLoopback(address) && { 'grpc.enable_http_proxy': 0 }),
});
