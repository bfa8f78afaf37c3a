import { isIP } from 'node:net';
import type { ChannelOptions } from '@grpc/grpc-js';
import { MAX_RECORD_BYTES } from '@rekey/schema';

/**
 * The longest message that a client must accept from the gateway. A record of MAX_RECORD_BYTES sealed for a
 * hundred consumers is a third longer. gRPC's default is 4 MiB.
 */
export const MAX_MESSAGE_BYTES = 2 * MAX_RECORD_BYTES;

/**
 * What the gateway may send before the client has read it. A page of a snapshot is longer than HTTP/2's
 * default of 64 KiB: it would arrive in parts, each after a round trip, while the client applies another one.
 */
const WINDOW_BYTES = 1024 * 1024;

/** The host of HOST:PORT. */
const hostOf = (address: string): string => address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');

/**
 * Whether traffic to this address stays on this machine. Names are not resolved: each name except `localhost`
 * counts as remote.
 */
export const isLoopback = (address: string): boolean => {
  if (address.startsWith('unix:')) return true;
  const host = hostOf(address).toLowerCase();
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
};

/**
 * grpc-js uses the proxy that `grpc_proxy`, `https_proxy` or `http_proxy` names, also for loopback addresses.
 * Loopback traffic must not pass through a proxy.
 */
export const channelOptionsFor = (address: string): ChannelOptions => ({
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc-node.flow_control_window': WINDOW_BYTES,
  ...(isLoopback(address) && { 'grpc.enable_http_proxy': 0 }),
});
