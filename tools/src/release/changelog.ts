const UNRELEASED = '## [Unreleased]\n';

/** CHANGELOG.md in which what was unreleased is of this version. Throws if nothing was. */
export const releasedChangelog = (text: string, version: string, now: Date): string => {
  const start = text.indexOf(UNRELEASED);
  if (start === -1) throw new Error('CHANGELOG.md has no section [Unreleased]');
  const end = text.indexOf('\n## ', start + UNRELEASED.length);
  const changes = text.slice(start + UNRELEASED.length, end === -1 ? undefined : end);
  if (changes.trim() === '') throw new Error('CHANGELOG.md has nothing in [Unreleased]');
  const heading = `## [${version}] - ${now.toISOString().slice(0, 10)}\n`;
  return text.replace(UNRELEASED, () => `${UNRELEASED}\n${heading}`);
};
