import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  acknowledgementKeyOf,
  createAcknowledgementSigner,
  createAcknowledgementVerifier,
} from './acknowledgement-proof.ts';
import type { SharedKeys } from '../envelope-form.ts';

const keysOf = (byte: number): SharedKeys => ({
  kid: 'kid',
  wrapping: createSecretKey(Buffer.alloc(32, 9)),
  proving: createSecretKey(Buffer.alloc(32, byte)),
});
const verify = createAcknowledgementVerifier();
const ACK = '{"consumer":"billing","number":1}';
const KEY = '2OeiDEZTFoIi3KyxGOLtzSA5H_THIlaUbhIBQtMvIpA';
const PROOF = 'b1eTD1nUnIV8qfgvLNbE-63j6_iyV_X5otnqJ9c3YOvrPJhTBCA180zzamSP2E1YPgdWfYUKrEmAXTzRzNMuBg';

describe('the proof of an acknowledgement', () => {
  it('is the one that every implementation makes from the same proving key', () => {
    expect(acknowledgementKeyOf(keysOf(1))).toBe(KEY);
    expect(createAcknowledgementSigner(keysOf(1))(ACK)).toBe(PROOF);
  });

  it('is verified by the public key alone', async () => {
    expect(await verify(ACK, PROOF, KEY)).toBe(true);
  });

  it('is none of another text, of another grant, or of no label', async () => {
    expect(await verify(`${ACK} `, PROOF, KEY)).toBe(false);
    expect(await verify(ACK, PROOF, acknowledgementKeyOf(keysOf(2)))).toBe(false);
    expect(await verify(ACK, createAcknowledgementSigner(keysOf(2))(ACK), KEY)).toBe(false);
    expect(await verify(`rekey.acknowledgement.1\n${ACK}`, PROOF, KEY)).toBe(false);
  });

  it.each([
    ['an empty proof', '', KEY],
    ['a shorter proof', PROOF.slice(0, -2), KEY],
    ['a proof with other base64 characters', `${PROOF}=`, KEY],
    ['a proof that is no base64', '*'.repeat(86), KEY],
    ['an empty key', PROOF, ''],
    ['a longer key', PROOF, `${KEY}AA`],
    ['a key of one million characters', PROOF, 'A'.repeat(1_000_000)],
  ])('is refused: %s', async (_what, proof, key) => {
    expect(await verify(ACK, proof, key)).toBe(false);
  });
});
