import { describe, expect, it } from '@jest/globals';
import { releasedChangelog } from './changelog.ts';

const now = new Date('2030-01-02T03:04:05Z');

describe('the changelog of a release', () => {
  it('has what was unreleased under its version, and an empty section for what follows', () => {
    const text =
      '# Changelog\n\n## [Unreleased]\n\n### Added\n\n- a $& b\n\n## [0.1.0] - 2029-01-01\n\n- c\n';
    expect(releasedChangelog(text, '0.2.0', now)).toBe(
      '# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2030-01-02\n\n### Added\n\n- a $& b\n\n' +
        '## [0.1.0] - 2029-01-01\n\n- c\n',
    );
  });

  it.each([
    ['# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2029-01-01\n\n- c\n', 'nothing in'],
    ['# Changelog\n', 'no section'],
  ])('is refused of %j: %s', (text, complaint) => {
    expect(() => releasedChangelog(text, '0.2.0', now)).toThrow(complaint);
  });
});
