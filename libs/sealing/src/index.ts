export { addSigningKey, createKeyFile, loadKeyFile } from './key-file.ts';
export { createSealer, type Sealer } from './sealer.ts';
export { SealError } from './seal-error.ts';
export { openRecord, parseRecord, sealRecord, type UnsealedFields } from './sealed-record.ts';
export { openEnvelope, parseEnvelope, type SharedKeys } from './envelope.ts';
export {
  ConsumerKeyType,
  generateConsumerKey,
  parseConsumerKey,
  parseOwnKey,
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
export {
  acknowledgementKeyOf,
  createAcknowledgementSigner,
  createAcknowledgementVerifier,
} from './acknowledgements/acknowledgement-proof.ts';
