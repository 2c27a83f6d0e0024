import { cpSync, mkdtempSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { describe, expect, test } from 'vitest';

import { imageTag } from '../../../stack/components/image-inputs.ts';
import { AgentImage } from '../../../stack/components/image.ts';
import { record } from '../../../stack/plan/record.ts';
import { failureOf } from '../program.ts';

/** What the image is built from, besides .dockerignore. */
const INPUTS = ['agent', 'package-lock.json', 'package.json', 'watchdog'];

function copyOfInputs(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'inputs-'));
  for (const input of ['.dockerignore', ...INPUTS]) cpSync(input, path.join(folder, input), { recursive: true });
  return folder;
}

describe("the image's tag", () => {
  test('is the same on another machine, regardless of file times', () => {
    const copy = copyOfInputs();
    utimesSync(path.join(copy, 'package.json'), 1, 1);
    expect(imageTag(copy, { A: '1', B: '2' })).toBe(imageTag('.', { B: '2', A: '1' }));
    expect(imageTag('.', {})).toMatch(/^[0-9a-f]{12}$/);
  });

  test.each([
    '.dockerignore',
    'agent/Dockerfile',
    'agent/contract.ts',
    'package-lock.json',
    'package.json',
    'watchdog/main.ts',
  ])('changes with %s', (file) => {
    const copy = copyOfInputs();
    const before = imageTag(copy, {});
    writeFileSync(path.join(copy, file), 'changed', { flag: 'a' });
    expect(imageTag(copy, {})).not.toBe(before);
  });

  test('changes with a build argument and with a new file', () => {
    const copy = copyOfInputs();
    const before = imageTag(copy, { A: '1' });
    expect(imageTag(copy, { A: '2' })).not.toBe(before);
    writeFileSync(path.join(copy, 'watchdog', 'new.ts'), '');
    expect(imageTag(copy, { A: '1' })).not.toBe(before);
  });

  test('covers exactly what .dockerignore admits to the build', () => {
    const lines = readFileSync('.dockerignore', 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines[0]).toBe('*');
    expect(lines.slice(1).sort()).toEqual(INPUTS.map((input) => `!${input}`).sort());
  });
});

/** Builds the image with a provider that returns this after the push; returns the component's output. */
async function built(repoDigest: string): Promise<unknown> {
  const { outputs } = await record(
    {
      project: 'claude-code-agent',
      stack: 'dev',
      config: {},
      standIn: { resource: () => ({ outputs: { repoDigest } }), call: () => ({}) },
    },
    () => {
      const [registry, nodeImage, platform] = ['registry:5000', 'node', 'linux/amd64'];
      const image = new AgentImage('image', { registry, pinned: undefined, nodeImage, platform, projectDir: '.' });
      return Promise.resolve({ reference: image.reference });
    },
  );
  return outputs['reference'];
}

describe('the result of a push', () => {
  test('is accepted with a digest', async () => {
    const reference = `registry:5000/claude-agent@sha256:${'0'.repeat(64)}`;
    expect(await built(reference)).toBe(reference);
  });

  test.each(['<none>@<none>', 'registry:5000/claude-agent:tag', `sha256:${'0'.repeat(64)}`, ''])(
    'without one is an error: %j',
    async (text) => {
      expect(await failureOf(() => built(text))).toMatch(/returned no digest/);
    },
  );
});
