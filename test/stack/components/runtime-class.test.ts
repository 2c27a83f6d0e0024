import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { runtimeClassIn } from '../../../stack/components/runtime-class.ts';
import { failureOf } from '../program.ts';

/** The name that the runners' pods get, with a `kubectl` that is this shell script. */
function found(script: string): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'kubectl-'));
  writeFileSync(path.join(folder, 'kubectl'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${folder}:${process.env['PATH'] ?? ''}`);
  return new Promise((resolve) => void runtimeClassIn({ context: 'of-the-config' }, 'gvisor').apply(resolve));
}

describe('the runtime class of runners', () => {
  afterEach(() => vi.unstubAllEnvs());

  test('is looked for in the cluster of the config', async () => {
    const cluster = '*"get runtimeclasses"*"--context of-the-config") echo kata gvisor;;';
    expect(await found(`case "$*" in ${cluster} *) exit 1;; esac`)).toBe('gvisor');
  });

  test.each([
    ['echo kata runc', 'it has kata, runc'],
    ['', 'it has none'],
  ])('has to be there: with `%s` there is an error before an update waits for pods', async (script, has) => {
    const failure = await failureOf(() => found(script));
    expect(failure).toContain(`runnerRuntimeClass is gvisor, which the cluster does not have (${has})`);
    expect(failure).toContain('npm run pulumi -- config rm runnerRuntimeClass');
  });

  test('is used unseen if the classes cannot be read', async () => {
    expect(await found('echo Forbidden >&2; exit 1')).toBe('gvisor');
  });
});
