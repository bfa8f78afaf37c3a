import { parseJson } from '@rekey/schema';
import type { AgentKeys } from '../keys/agent-keys.ts';
import { Refusal } from './answer.ts';

const MAX_USER_ID_BYTES = 4096;

/** The answer to POST /v1/assistants/{id}/user-hash, as JSON. Throws a Refusal. */
export const userHashAnswer = (keys: AgentKeys, assistantId: string, body: Buffer): string => {
  const userId = userIdOf(body);
  const { userHash, version, uncertain } = keys.sign(assistantId, userId);
  return `{"user_hash":"${userHash}","version":${version},"uncertain":${uncertain},${keys.ageFields()}}`;
};

const userIdOf = (body: Buffer): string => {
  const content = parseJson(body.toString('utf8'));
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw bad('the body must be a JSON object such as {"user_id":"user-42"}');
  const names = Object.keys(content);
  if (names.length !== 1 || names[0] !== 'user_id')
    throw bad('the body must have the field user_id, and no other');
  const { user_id: userId } = content as { user_id: unknown };
  if (typeof userId !== 'string') throw bad('user_id must be a string');
  if (userId === '') throw bad('user_id must not be empty');
  if (!userId.isWellFormed()) throw bad('user_id must be well-formed Unicode');
  if (userId.length > MAX_USER_ID_BYTES) throw bad(`user_id must be at most ${MAX_USER_ID_BYTES} characters`);
  return userId;
};

const bad = (message: string): Refusal => new Refusal(400, 'INVALID_ARGUMENT', message);
