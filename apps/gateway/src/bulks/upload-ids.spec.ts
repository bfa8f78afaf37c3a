import { beforeEach, describe, expect, it } from '@jest/globals';
import { RekeyError } from '@rekey/schema';
import { createUploadIds, type UploadIds } from './upload-ids.ts';

const MAX = 100;
const SHARE = 25;
let limits: string[];
let stopped: string[];
let uploadIds: UploadIds;
beforeEach(() => {
  [limits, stopped] = [[], []];
  uploadIds = createUploadIds(MAX, (limit) => limits.push(limit), {
    share: SHARE,
    refusal: () => new RekeyError('QUOTA_EXCEEDED'),
  });
});

const begin = (caller: string, name = caller) => {
  const upload = uploadIds(caller, (error) => stopped.push(`${name} ${(error as RekeyError).code}`));
  /** `added`, or the code of the error. */
  const add = (count: number): string => {
    try {
      upload.add(count);
      return 'added';
    } catch (error) {
      return (error as RekeyError).code;
    }
  };
  return { add, end: upload.end };
};

describe('the ids of all uploads', () => {
  it('may all be of one caller, while nobody else needs room', () => {
    const one = begin('a');
    expect([one.add(60), one.add(40), one.add(1)]).toEqual(['added', 'added', 'QUOTA_EXCEEDED']);
    one.end();
    expect(begin('a').add(MAX)).toBe('added');
    expect(stopped).toEqual([]);
  });

  it('end the largest upload of a caller beyond its share if one within its share needs room', () => {
    const [small, large] = [begin('a', 'small'), begin('a', 'large')];
    small.add(30);
    large.add(60);
    const other = begin('b');
    expect(other.add(20)).toBe('added');
    expect(stopped).toEqual(['large QUOTA_EXCEEDED']);
    expect(large.add(1)).toBe('QUOTA_EXCEEDED');
    expect(small.add(1)).toBe('added');
    large.end();
    expect(begin('c').add(25)).toBe('added');
  });

  it('are refused to a caller beyond its share, and end no upload for it', () => {
    begin('a').add(60);
    const other = begin('b');
    expect([other.add(25), other.add(15), other.add(1)]).toEqual(['added', 'added', 'QUOTA_EXCEEDED']);
    expect(stopped).toEqual([]);
  });

  it('are refused if all callers are within their shares', () => {
    for (const caller of ['a', 'b', 'c', 'd']) expect(begin(caller).add(SHARE)).toBe('added');
    expect(begin('e').add(1)).toBe('TOO_MANY_CALLS');
    expect([limits, stopped]).toEqual([['upload-ids'], []]);
  });

  it('are of one caller without shares', () => {
    const ids = createUploadIds(MAX, (limit) => limits.push(limit));
    ids('a', () => {}).add(MAX);
    expect(() => ids('b', () => {}).add(1)).toThrow(expect.objectContaining({ code: 'TOO_MANY_CALLS' }));
    expect(limits).toEqual(['upload-ids']);
  });
});
