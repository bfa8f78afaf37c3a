export { KeyFileError, addSigningKey, createKeyFile, loadKeyFile } from './key-files/key-file.ts';
export { describeOther, kindOfKeyFile } from './key-files/kind-of-key-file.ts';
export {
  createGatewayKeyFile,
  loadGatewayKeyFile,
  type GatewayKeyFile,
} from './key-files/gateway-key-file.ts';
export { createRegistryKey, registryKeyBytes } from './key-files/registry-key.ts';
export { createSealer, type Sealer } from './sealer.ts';
export { SealError } from './seal-error.ts';
export { openRecord, parseRecord, sealRecord, type UnsealedFields } from './sealed-record.ts';
export { createArchiveReportReader, signArchiveReport } from './archive-report.ts';
export { isCurrent, openEnvelope } from './envelope.ts';
export { parseEnvelope, type SharedKeys } from './envelope-form.ts';
export {
  ConsumerKeyType,
  fingerprintOfKey,
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
  type Grant,
  type Verifier,
} from './grant.ts';
export {
  acknowledgementKeyOf,
  createAcknowledgementSigner,
  createAcknowledgementVerifier,
} from './acknowledgements/acknowledgement-proof.ts';
