import type { Metadata } from '@grpc/grpc-js';

/** The limit beyond which a call was admitted, as errors name it. */
export interface BeyondLimit {
  bound: string;
  limit: number;
}

/** By the metadata of the call, which grpc-js hands to the handler. No caller can write here. */
const marked = new WeakMap<Metadata, BeyondLimit>();

export const markBeyond = (metadata: Metadata, beyond: BeyondLimit): void => {
  marked.set(metadata, beyond);
};

export const beyondLimitOf = (metadata: Metadata): BeyondLimit | undefined => marked.get(metadata);
