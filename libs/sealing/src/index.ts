export { addSigningKey, createKeyFile, loadKeyFile } from './key-file.ts';
export { createGatewayKeyFile, loadGatewayKeyFile, type GatewayKeyFile } from './gateway-key-file.ts';
export { createRegistryKey, registryKeyBytes, type RegistryKey } from './registry-key.ts';
export { createSealer, type Sealer } from './sealer.ts';
export { SealError } from './seal-error.ts';
export { openRecord, parseRecord, sealRecord, type UnsealedFields } from './sealed-record.ts';
export { openEnvelope, parseEnvelope, type SharedKeys } from './envelope.ts';
export {
  ConsumerKeyType,
  generateConsumerKey,
  parseConsumerKey,
  parseOwnKey,
  thumbprintOf,
  type OwnKey,
} from './consumer-key.ts';
export {
  generateSharedKeys,
  openGrant,
  parseSharedKeys,
  parseVerifier,
  sealGrant,
  type Verifier,
} from './grant.ts';
