import { beforeEach, describe, expect, it } from '@jest/globals';
import { addressGroup } from './address-group.ts';
import { LimitedCallers } from './limited-callers.ts';
import { RateLimits } from './rate-limits.ts';

let nowMs: number;
beforeEach(() => void (nowMs = 1_000_000));

describe('the rate of a subject', () => {
  it('is what it says, after as many at once as it says', () => {
    const limits = new RateLimits({ perSecond: 10, atOnce: 5 }, () => nowMs);
    const took = () => limits.take('a');
    expect(Array.from({ length: 6 }, took)).toEqual([0, 0, 0, 0, 0, 100]);
    nowMs += 100;
    expect([took(), took()]).toEqual([0, 100]);
    nowMs += 60_000;
    expect(Array.from({ length: 6 }, took)).toEqual([0, 0, 0, 0, 0, 100]);
    expect(limits.take('another')).toBe(0);
  });

  it('is not used up by what was refused, or given back', () => {
    const limits = new RateLimits({ perSecond: 1, atOnce: 1 }, () => nowMs);
    expect([limits.take('a'), limits.take('a'), limits.take('a')]).toEqual([0, 1000, 1000]);
    limits.giveBack('a');
    expect([limits.take('a'), limits.take('a')]).toEqual([0, 1000]);
  });

  it('is remembered of the 10,000 that acted last', () => {
    const limits = new RateLimits({ perSecond: 1, atOnce: 1 }, () => nowMs);
    for (const name of ['__proto__', 'constructor'])
      expect([limits.take(name), limits.take(name)]).toEqual([0, 1000]);
    for (let i = 0; i < 50_000; i += 1) limits.take(`caller ${i}`);
    expect(limits.size).toBe(10_000);
    expect(limits.take('caller 49999')).toBe(1000);
    expect(limits.take('__proto__')).toBe(0);
  });
});

it.each([
  ['192.0.2.7:50123', '192.0.2.7'],
  ['::ffff:192.0.2.7:50123', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6:50123', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::1:50123', '2001:db8:1:2::/64'],
  ['2001:db8::1:50123', '2001:db8:0:0::/64'],
  ['::1:50123', '0:0:0:0::/64'],
  ['fe80::1%eth0:50123', 'fe80:0:0:0::/64'],
  ['unknown', 'unknown'],
  [undefined, 'unknown'],
  ['', 'unknown'],
  ['\u001b[2J:1', 'unknown'],
])('the address of %s is %s', (peer, group) => {
  expect(addressGroup(peer)).toBe(group);
});

describe('callers at a limit', () => {
  it('are those that were refused within the last minute, the most often refused first', () => {
    const callers = new LimitedCallers(() => nowMs);
    callers.note('caller-calls', 'uri:long-ago');
    nowMs += 60_000;
    callers.note('caller-calls', 'uri:a');
    callers.note('caller-waits', 'uri:a');
    callers.note('caller-waits', 'uri:a');
    expect(callers.list()).toEqual([
      { caller: 'uri:a', limit: 'caller-waits', refused: 2, sinceMs: nowMs, lastMs: nowMs },
      { caller: 'uri:a', limit: 'caller-calls', refused: 1, sinceMs: nowMs, lastMs: nowMs },
    ]);
    nowMs += 60_000;
    callers.note('caller-waits', 'uri:a');
    expect(callers.list()).toMatchObject([{ limit: 'caller-waits', refused: 1, sinceMs: nowMs }]);
  });

  it('are at most 1,000: the one that was refused least recently is forgotten', () => {
    const callers = new LimitedCallers(() => nowMs);
    for (let i = 0; i < 2000; i += 1) callers.note('caller-calls', `uri:${i}`);
    expect(callers.list()).toHaveLength(1000);
    expect(callers.list()[0]!.caller).toBe('uri:1000');
  });
});
