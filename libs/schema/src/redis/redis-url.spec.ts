import { describe, expect, it } from '@jest/globals';
import { complaintAboutRedisUrl } from './redis-url.ts';

describe('complaintAboutRedisUrl', () => {
  it.each([
    'redis://h',
    'redis://h/',
    'redis://h/0',
    'redis://h:6380/15',
    'rediss://user:p%40ss@h:6379/1',
    'redis://:secret@[::1]:6379/0',
    'redis://h?family=6',
    'redis://h/3?family=0',
  ])('accepts %s', (url) => {
    expect(complaintAboutRedisUrl(url)).toBeUndefined();
  });

  it.each([
    ['redis://h/hunter2', 'number of a database'],
    ['redis://h/-1', 'number of a database'],
    ['redis://h/1.5', 'number of a database'],
    ['redis://h/0/', 'number of a database'],
    ['redis://h//', 'number of a database'],
    ['redis://h/0x1', 'number of a database'],
    ['redis://h/%31', 'number of a database'],
    ['redis://h?db=hunter2', 'parameter'],
    ['redis://h/0?lazyConnect=true', 'parameter'],
    ['redis://h/0?family=7', 'parameter'],
    ['redis://h/0#hunter2', '%23'],
    ['redis:///0', 'must name a host'],
    ['redis://u:100%hunter2@h', '%25'],
    ['http://u:hunter2@h', 'redis://'],
    ['hunter2', 'redis://'],
    [' ', 'redis://'],
  ])('rejects %s without quoting it', (url, complaint) => {
    expect(complaintAboutRedisUrl(url)).toContain(complaint);
    expect(complaintAboutRedisUrl(url)).not.toContain('hunter2');
  });
});
