import { copyFileSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { execa } from 'execa';
import { describe, expect, it } from 'vitest';

import { gitHostsSetting } from '../../agent/git/setting.ts';
import { folder } from '../support/folder.ts';
import { needs } from '../support/needs.ts';
import { findTool } from '../support/tools.ts';
import { commandBlocks } from './blocks.ts';
import { readDocument } from './markdown.ts';

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes: readonly object[];
}

const GUIDE = 'docs/docker.md';
const compose = await findTool('docker-compose');

describe('compose.yaml', () => {
  it('has the variables that the guide lists, and the guide lists those that it has', () => {
    const text = readFileSync('compose.yaml', 'utf8');
    const used = new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name));
    const guide = readDocument(GUIDE);
    expect([...used].filter((name) => !name.startsWith('AGENT_') && !guide.includes(`\`${name}\``))).toEqual([]);
    const [, table = ''] = /These are for Docker:\n([^]*?)\n\n[^|]/.exec(guide) ?? [];
    const listed = [...table.matchAll(/^\| (`[^|]*`)/gm)].flatMap(([, cell = '']) => cell.match(/\w+/g) ?? []);
    expect(listed).toContain('GIT_CREDENTIALS');
    expect(listed.filter((name) => !used.has(name))).toEqual([]);
  });
});

describe('the guide to git hosts with Docker', needs('missing' in compose ? compose.missing : undefined), () => {
  it('gives the agent, and no other service, a folder with credentials that the setting names', async () => {
    const clone = folder();
    copyFileSync('compose.yaml', path.join(clone, 'compose.yaml'));
    const block = commandBlocks(GUIDE).find(({ text }) => text.includes('AGENT_GIT_HOSTS'));
    const script = block?.text
      .replace("'…'", 'the-token')
      .replace('docker compose up --detach', '"$COMPOSE" --profile n8n config --format json');
    const COMPOSE = 'program' in compose ? compose.program : '';
    const { stdout } = await execa('bash', ['-ec', script ?? 'false'], { cwd: clone, env: { COMPOSE } });
    const { services } = JSON.parse(stdout) as { services: Readonly<Record<string, Service>> };
    const given = path.join(clone, '.local', 'git');
    const setting = services['agent']?.environment?.['AGENT_GIT_HOSTS'] ?? '';
    expect(services['agent']?.volumes).toContainEqual(
      expect.objectContaining({ source: given, target: '/git', read_only: true }),
    );
    // The files are those that the container has.
    const hosts = gitHostsSetting.parse(setting.replaceAll('"/git/', `"${given}/`));
    expect(hosts).toMatchObject([{ type: 'azureDevOps', tokenFile: path.join(given, 'azure-devops') }]);
    const having = Object.entries(services).filter(([, service]) => JSON.stringify(service.volumes).includes(given));
    expect(having.map(([name]) => name)).toEqual(['agent']);
    expect(Object.keys(services)).toEqual(expect.arrayContaining(['runner', 'watchdog', 'n8n']));
  });
});
