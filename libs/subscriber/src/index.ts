export { subscribe } from './subscribe.ts';
export { type Applied, type Restored, type SubscribeOptions } from './options.ts';
export { openLocalVault, type LocalVault } from './local-vault.ts';
export { SubscribeError, type SubscribeErrorCode } from './subscribe-error.ts';
export {
  type Cause,
  type Freshness,
  type HeldKey,
  type KeyEvent,
  type Keys,
  type KeysEvents,
  type Refusal,
  type Removal,
  type RemovedEvent,
  type RemovedKey,
  type RevokedEvent,
  type SnapshotEvent,
  type SnapshotReason,
  type UnreadableKey,
} from './keys.ts';
