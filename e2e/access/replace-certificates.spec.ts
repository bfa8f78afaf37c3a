import { expect, it } from '@jest/globals';
import { replaceCertificates } from './replace-certificates.ts';

it('certificates that are replaced under load, half of them broken, fail no call', async () => {
  // The gateway looks every second: a broken pair lasts longer than that, and so does the whole one after it.
  const verdict = await replaceCertificates({ seconds: 6, everyMs: 1300, clients: 2 });
  expect(verdict).toMatchObject({ failures: [], wrong: 0 });
  expect(verdict.calls).toBeGreaterThan(50);
  expect(verdict.served).toBeGreaterThanOrEqual(2);
  expect(verdict.logged.loaded).toBeGreaterThanOrEqual(2);
  expect(verdict.logged.refused).toBeGreaterThanOrEqual(1);
});
