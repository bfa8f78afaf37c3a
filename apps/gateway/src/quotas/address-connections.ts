import type { ServerHttp2Session } from 'node:http2';
import { addressGroup } from './address-group.ts';

/**
 * The connections on which no call has named its caller, by address. A proxy gives its address to all that
 * it passes on: those whose callers are known count no more.
 */
export interface AddressConnections {
  /**
   * Counts a connection until `close`, or until its caller is known. If its address has more than its share,
   * returns all of them, the oldest first: one of them has to end.
   */
  open(session: ServerHttp2Session): readonly ServerHttp2Session[];
  close(session: ServerHttp2Session): void;
  /** A call has named its caller. `peer` as gRPC names it. */
  know(peer: string | undefined): void;
}

type Session = Pick<ServerHttp2Session, 'socket'>;

/** As gRPC names it. The session of a connection that is gone has no address. */
const peerOf = ({ socket }: Session): string => `${socket?.remoteAddress}:${socket?.remotePort}`;

export const createAddressConnections = (
  share: number,
  onLimit: (address: string) => void,
): AddressConnections => {
  const unknown = new Map<string, Set<ServerHttp2Session>>();
  const peers = new Map<string, ServerHttp2Session>();
  const counted = new Map<ServerHttp2Session, string>();

  const forget = (session: ServerHttp2Session): void => {
    const peer = counted.get(session);
    if (peer === undefined) return;
    counted.delete(session);
    if (peers.get(peer) === session) peers.delete(peer);
    const address = addressGroup(peer);
    const others = unknown.get(address);
    others?.delete(session);
    if (others?.size === 0) unknown.delete(address);
  };

  return {
    open: (session) => {
      const peer = peerOf(session);
      const address = addressGroup(peer);
      const ofAddress = unknown.get(address) ?? new Set();
      unknown.set(address, ofAddress.add(session));
      counted.set(session, peer);
      peers.set(peer, session);
      if (ofAddress.size <= share) return [];
      onLimit(address);
      return [...ofAddress];
    },
    close: forget,
    know: (peer) => {
      const session = peer === undefined ? undefined : peers.get(peer);
      if (session !== undefined) forget(session);
    },
  };
};
