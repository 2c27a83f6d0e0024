import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { needs } from '../support/needs.ts';
import { findTool } from '../support/tools.ts';
import { readDocument } from './markdown.ts';

interface Job {
  readonly if?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly concurrency?: { readonly 'cancel-in-progress': boolean };
  readonly steps: readonly {
    readonly uses?: string;
    readonly run?: string;
    readonly with?: Readonly<Record<string, unknown>>;
  }[];
}

const FILE = '.github/workflows/pulumi.yml';
const text = readDocument(FILE);
const { jobs, permissions, env } = parse(text) as {
  jobs: Readonly<Record<'check' | 'preview' | 'update', Job>>;
  permissions: object;
  env: Readonly<Record<string, string>>;
};
const manifest = JSON.parse(readDocument('package.json')) as {
  scripts: Record<string, string>;
  devDependencies: Record<string, string>;
};
const actionlint = await findTool('actionlint');
const missing = 'missing' in actionlint ? actionlint.missing : undefined;

describe(FILE, () => {
  it('passes actionlint', needs(missing), async () => {
    if ('missing' in actionlint) return;
    const { all } = await execa(actionlint.program, ['-no-color', FILE], { reject: false, all: true });
    expect(all).toBe('');
  });

  it('calls only scripts that exist, and pins every action to a commit', () => {
    const steps = Object.values(jobs).flatMap((job) => job.steps);
    const scripts = steps.flatMap(({ run = '' }) => [...run.matchAll(/npm (?:run )?(?:--silent )?([a-z:]+)/g)]);
    expect(scripts.length).toBeGreaterThan(0);
    for (const [, name = ''] of scripts) if (name !== 'ci') expect(manifest.scripts).toHaveProperty([name]);
    const actions = steps.flatMap(({ uses }) => (uses === undefined ? [] : [uses]));
    for (const action of actions) expect(action).toMatch(/@[0-9a-f]{40}$/);
  });

  it('installs the Pulumi version of the SDK', () => {
    const engine = jobs.update.steps.find(({ uses }) => uses?.startsWith('pulumi/actions@'));
    expect(engine?.with).toEqual({ 'pulumi-version': manifest.devDependencies['@pulumi/pulumi'] });
  });

  it('gives no secrets to forks, has no write access to the repository, and never cancels an update', () => {
    expect(permissions).toEqual({ contents: 'read' });
    for (const job of Object.values(jobs)) expect(job.permissions?.['contents'] ?? 'read').toBe('read');
    expect(jobs.preview.if).toContain('head.repo.full_name == github.repository');
    expect(text).not.toContain('pull_request_target');
    expect(jobs.update.concurrency?.['cancel-in-progress']).toBe(false);
  });

  it('uses only variables and secrets that docs/github-actions.md describes', () => {
    const guide = readDocument('docs/github-actions.md');
    const named = [...text.matchAll(/(?:vars|secrets)\.([A-Z_]+)/g)].map(([, name = '']) => name);
    expect(Object.keys(env).length).toBeGreaterThan(0);
    for (const name of new Set(named)) expect(guide).toContain(`\`${name}\``);
  });
});
