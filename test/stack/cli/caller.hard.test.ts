import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { callers } from '../../../stack/cli/doctor/callers.ts';
import { configOf } from '../../../stack/config/check.ts';
import { StackFile } from '../../../stack/config/stack-file.ts';
import { project } from './project.ts';

const hash = (token: string) => createHash('sha256').update(token.trim()).digest('hex');
const FILE = 'Pulumi.dev.yaml';
const CONTENT = `# Ours
config:
  claude-code-agent:registry: 127.0.0.1:5000 # here
  claude-code-agent:callers:
    # The reports.
    - name: reports # since May
      sha256: [${'a'.repeat(64)}]
      may: [run]
  claude-code-agent:protectData: 'false'
`;

/** A checkout with a caller in the stack's file. */
function checkout(content = CONTENT) {
  const made = project();
  writeFileSync(made.at(FILE), content);
  return {
    ...made,
    caller: (...args: string[]) => made.launch(['caller', ...args]),
    content: () => made.read(FILE),
    callers: () =>
      (parse(made.read(FILE)) as { config: Record<string, { name: string; sha256: string[] }[]> }).config[
        'claude-code-agent:callers'
      ],
  };
}

const REFUSED: [args: string[], why: string][] = [
  [['add', 'reports'], 'For a new token: npm run caller -- rotate reports'],
  [['add', 'n8n', '--may', 'write'], 'it must be a list of one or more of run, read, admin'],
  [['add', 'n8n', '--label', 'team'], '--label team must be NAME=VALUE'],
  [['add', 'operator'], 'must not be operator, watchdog, claude'],
  [['add', 'N8N'], "lower-case letters, digits, '-' and '.'"],
  [['add'], 'Specify the name of a caller: npm run caller -- add NAME'],
  [['rotate', 'report'], 'Did you mean reports?'],
  [['rotat', 'reports'], 'Did you mean rotate?'],
  [['rotate', 'reports', '--may', 'read'], "Option '--may' is for 'add' only."],
  [['retire', 'operator', '--all'], 'The operator cannot be removed.'],
  [['rotate', 'operator'], 'This machine has no API token (.local/agent-token).'],
  [['list', 'reports'], "Unexpected argument 'reports'."],
  [[], 'Specify what to do.'],
  [['add', 'n8n', '--stack', 'prdo'], 'Pulumi.prdo.yaml does not exist.'],
];

describe('npm run caller', () => {
  test('adds a caller, prints its token alone on stdout, and stores only the hash', async () => {
    const made = checkout();
    const { exitCode, stdout, stderr } = await made.caller('add', 'n8n', '--may', 'run,read', '--label', 'team=x=y');
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^[\w-]{43}$/);
    expect(stderr).not.toContain(stdout);
    expect(stderr).toContain('1. Deploy it: npm run up');
    expect(made.content()).not.toContain(stdout);
    expect(made.callers()?.[1]).toEqual({
      name: 'n8n',
      sha256: [hash(stdout)],
      may: ['run', 'read'],
      labels: { team: 'x=y' },
    });
    for (const kept of ['# Ours', '# here', '# The reports.', '# since May', "protectData: 'false'"])
      expect(made.content()).toContain(kept);
    expect(configOf(made.at(), made.at(FILE)).callers).toHaveLength(2);
    expect(existsSync(made.at('bin', 'calls'))).toBe(false);
    expect(existsSync(made.at('.local'))).toBe(false);
  });

  test('rotates a token in two steps, and removes a caller', async () => {
    const made = checkout();
    const rotated = await made.caller('rotate', 'reports', '--stack', 'dev');
    expect(rotated.stderr).toContain('3. End the older one: npm run caller -- retire reports');
    expect(made.callers()?.[0]?.sha256).toEqual(['a'.repeat(64), hash(rotated.stdout)]);
    const again = await made.caller('rotate', 'reports');
    expect([again.exitCode, again.stdout]).toEqual([1, '']);
    expect(again.stderr).toContain('reports has two tokens already');
    const { stdout: list } = await made.caller('list');
    expect(list).toContain(`reports   run    aaaaaaaaaaaa, ${hash(rotated.stdout).slice(0, 12)}`);
    expect((await made.caller('retire', 'reports')).stderr).toContain('Removed the older token of reports.');
    expect(made.callers()?.[0]?.sha256).toEqual([hash(rotated.stdout)]);
    expect(made.content()).toContain('# since May');
    expect((await made.caller('retire', 'reports')).stderr).toContain('reports has one token.');
    expect((await made.caller('retire', 'reports', '--all')).exitCode).toBe(0);
    expect(made.content()).not.toContain('callers');
  });

  test('begins the list of callers in a file that has none, or has it as text', async () => {
    const made = checkout("config:\n  claude-code-agent:callers: '[]'\n");
    expect((await made.caller('add', 'first')).exitCode).toBe(0);
    expect(made.callers()).toMatchObject([{ name: 'first', may: ['run'] }]);
    writeFileSync(made.at(FILE), '');
    expect((await made.caller('add', 'first')).exitCode).toBe(0);
    expect(made.callers()).toMatchObject([{ name: 'first', may: ['run'] }]);
  });

  test('changes nothing if that is not possible, and says why', async () => {
    const made = checkout();
    for (const [args, why] of REFUSED) {
      const { exitCode, stdout, stderr } = await made.caller(...args);
      expect([args, exitCode, stdout]).toEqual([args, 1, '']);
      expect(stderr).toContain(why);
    }
    expect(made.content()).toBe(CONTENT);
  });

  test('rotates the API token, which stays valid until it is retired', async () => {
    const made = checkout();
    mkdirSync(made.at('.local'));
    writeFileSync(made.at('.local', 'agent-token'), 'first\n');
    const { exitCode, stdout, stderr } = await made.caller('rotate', 'operator', '--stack', 'prod');
    expect([exitCode, stdout]).toEqual([0, '']);
    expect(stderr).toContain('npm run caller -- retire operator --stack prod');
    expect(made.read('.local', 'agent-token')).toMatch(/^[\w-]{43}\n$/);
    expect(stderr).not.toContain(made.read('.local', 'agent-token').trim());
    expect(made.read('.local', 'agent-token-earlier')).toBe('first\n');
    for (const name of ['agent-token', 'agent-token-earlier'])
      expect(statSync(made.at('.local', name)).mode & 0o777).toBe(0o600);
    expect((await made.caller('rotate', 'operator')).stderr).toContain('There is an earlier API token already');
    const { stdout: list } = await made.caller('list');
    expect(list).toContain(hash('first').slice(0, 12));
    expect((await made.caller('retire', 'operator')).exitCode).toBe(0);
    expect(existsSync(made.at('.local', 'agent-token-earlier'))).toBe(false);
    expect((await made.caller('retire', 'operator')).stderr).toContain('There is no earlier API token.');
  });

  test('is suggested by the doctor while a rotation has not ended', async () => {
    const look = async (content: string, folder: string) => {
      const [check] = callers(new StackFile(content, process.cwd()), folder);
      return check?.when?.() === true ? (await check.look()).detail : undefined;
    };
    const made = checkout();
    expect(await look('', made.at())).toBeUndefined();
    expect(await look(CONTENT, made.at())).toBe('1 besides the operator');
    mkdirSync(made.at('.local'));
    writeFileSync(made.at('.local', 'agent-token-earlier'), 'first\n');
    expect(await look('', made.at())).toBe(
      '0 besides the operator; two tokens each: operator. When the older one is no longer used: npm run caller -- retire operator',
    );
  });

  test('names the command for an API token that is in the config', async () => {
    const made = checkout(`${CONTENT}  claude-code-agent:agentToken:\n    secure: v1:x\n`);
    expect((await made.caller('rotate', 'operator')).stderr).toContain('config set --secret agentToken');
    expect(readFileSync(made.at(FILE), 'utf8')).toContain('secure: v1:x');
  });
});
