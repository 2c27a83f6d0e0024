import { describe, expect, test } from 'vitest';

import { examine, ok } from '../../stack/launcher/doctor/finding.ts';
import type { Check, Named } from '../../stack/launcher/doctor/finding.ts';

async function examined(checks: readonly Check[]): Promise<Named[]> {
  const findings: Named[] = [];
  for await (const finding of examine(checks)) findings.push(finding);
  return findings;
}

describe('the doctor', () => {
  test('goes on after a look that fails in a way that nobody foresaw, and leaves out what needs it', async () => {
    const found = await examined([
      { name: 'agent', look: () => Promise.resolve(JSON.parse('<html>') as never) },
      { name: 'login', needs: ['agent'], look: () => Promise.resolve(ok('works')) },
      { name: 'image', look: () => Promise.resolve(ok('there')) },
    ]);
    expect(found).toMatchObject([
      { check: 'agent', state: 'broken', detail: expect.stringContaining('not valid JSON') as string },
      { check: 'login', state: 'skipped' },
      { check: 'image', state: 'ok' },
    ]);
  });
});
