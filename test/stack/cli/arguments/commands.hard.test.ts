import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';

import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

import { causeLines } from '../../../../stack/exec.ts';
import { optionsOf } from '../../../../stack/cli/arguments/pulumi-options.ts';
import { USAGES } from '../../../../stack/cli/arguments/usages.ts';
import { project } from '../project.ts';
import { needs, unless } from '../../../support/needs.ts';

const engine = await execa('pulumi', ['version'], { reject: false });
const COMMANDS = [...Object.keys(USAGES), 'pulumi'];
/** Hidden files and folders that a command created in a checkout. */
const made = ({ at }: ReturnType<typeof project>): string[] =>
  readdirSync(at()).filter((name) => name.startsWith('.') && name !== '.git');

describe('the arguments of an npm command', () => {
  test.each(COMMANDS.map((name, index) => [name, index % 3 === 0 ? '-h' : '--help'] as const))(
    '%s %s prints what the command does and accepts, and does nothing',
    async (name, help) => {
      const checkout = project();
      const { exitCode, stdout, stderr } = await checkout.launch([name, help]);
      expect(exitCode, stderr).toBe(0);
      expect(stdout).toContain(`npm run ${name}`);
      expect(stdout).toContain('--stack NAME');
      expect(stderr).toBe('');
      expect(existsSync(checkout.at('bin', 'calls'))).toBe(false);
      expect(existsSync(checkout.at('bin', 'claude.json'))).toBe(false);
      expect(made(checkout)).toEqual([]);
    },
  );

  test.each(Object.keys(USAGES))('that %s does not accept are refused before anything is done', async (name) => {
    const checkout = project();
    const { exitCode, stdout, stderr } = await checkout.launch([name, '--stak', 'prod']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Unknown option '--stak'. Did you mean --stack?");
    expect(stderr).toContain(`npm run ${name}`);
    expect(stderr).not.toContain('    at ');
    expect(stdout).toBe('');
    expect(existsSync(checkout.at('bin', 'calls'))).toBe(false);
    expect(existsSync(checkout.at('bin', 'claude.json'))).toBe(false);
    expect(made(checkout)).toEqual([]);
  });

  test.each([
    [['up', 'prod'], 'To select a stack, use --stack: npm run up -- --stack prod'],
    [['rollback', '3', '4'], 'Expected one number, but got 3 and 4.'],
    [['up', '--yess'], 'Did you mean --yes?'],
    [['rolback'], 'Did you mean npm run rollback?'],
    [['up', '--stack', '../prod'], "'../prod' is not a valid stack name"],
  ])('%j are refused with what was probably meant', async (args, words) => {
    const { exitCode, stderr } = await project().launch(args);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(words);
  });

  test.each([
    [['up'], 'npm run up -- --stack prod'],
    [['rollback', '3'], 'npm run rollback -- 3 --stack prod'],
    [['pulumi', 'config', 'set', 'queueLimit', '3'], 'npm run pulumi -- config set queueLimit 3 --stack prod'],
  ])('%j from which npm took --stack prod are refused with the correct command', async (args, instead) => {
    const checkout = project();
    const { exitCode, stderr } = await checkout.launch([...args, 'prod'], { npm_config_stack: 'true' });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`Run instead: ${instead}`);
    expect(made(checkout)).toEqual([]);
  });

  test('that npm itself takes are refused', async () => {
    const { at, env } = project();
    const { exitCode, stderr } = await execa('npm', ['run', 'up', '--stack', 'prod'], {
      cwd: at(),
      env: { ...env, PATH: `${at('bin')}:${process.env['PATH'] ?? ''}` },
      extendEnv: false,
      reject: false,
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('npm run up -- --stack prod');
    expect(existsSync(at('bin', 'calls'))).toBe(false);
  });

  test('are passed on to Pulumi commands, including --help', async () => {
    const { at, calls, launch } = project();
    expect((await launch(['pulumi', 'config', 'set', '--help'])).exitCode).toBe(0);
    expect(calls().map(({ args }) => args)).toEqual([['config', 'set', '--help']]);
    expect(existsSync(at('.local'))).toBe(false);
  });

  test(
    'include every option of the pinned Pulumi',
    needs(unless(engine.stdout.includes('3.250.0'), 'There is no Pulumi 3.250.0 on the PATH.')),
    async () => {
      for (const command of ['up', 'preview', 'refresh', 'destroy'] as const) {
        const { stdout } = await execa('pulumi', [command, '--help']);
        const listed = [...stdout.matchAll(/^ +(?:-(\w), )? *--([\w-]+)(?: (\w+:?)(\S*))?(?= {2}| {3}|$)/gm)];
        const names = listed.map(([, , name = '']) => name).filter((name) => !['stack', 'help', 'cwd'].includes(name));
        const { flags, values } = optionsOf(command);
        expect([...flags, ...values].sort(), command).toEqual(names.sort());
      }
    },
  );
});

describe('a stack that does not exist', () => {
  const ARGS = [
    ['rollback'],
    ['rollback', '3', '--yes'],
    ['refresh', '--yes'],
    ['down', '--yes'],
    ['pulumi', 'config', 'set', 'queueLimit', '3'],
    ['pulumi', 'stack', 'output'],
    ['pulumi', 'up', '--yes'],
  ];
  test.each(ARGS.map((args) => [args.join(' '), args] as const))('is not created by `npm run %s`', async (_, args) => {
    const { at, calls, launch } = project();
    writeFileSync(at('bin', 'stacks.json'), '[{"name":"dev","resourceCount":3},{"name":"prod","resourceCount":3}]');
    const { exitCode, stderr } = await launch([...args, '--stack', 'prdo'], { PULUMI_CONFIG_PASSPHRASE: 'x' });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('The stack prdo does not exist in ');
    expect(stderr).toContain(
      ' (existing: dev, prod). Did you mean --stack prod? To create it: npm run up -- --stack prdo',
    );
    expect(new Set(calls().map(({ args: called }) => called.slice(0, 2).join(' ')))).toEqual(new Set(['stack ls']));
    expect(existsSync(at('.local', 'passphrase'))).toBe(false);
  });

  test('is reported by `up` before it creates it', async () => {
    const { calls, launch } = project();
    const { exitCode, stderr } = await launch(['up', '--stack', 'prdo', '--yes']);
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(/^The stack prdo does not exist\. Creating it in \S+\.local\/pulumi\./);
    expect(calls().map(({ args }) => args.slice(0, 3).join(' '))).toContain('stack init prdo');
  });

  test('is previewed with reported defaults, in a temporary backend that is removed afterwards', async () => {
    const { at, calls, launch } = project();
    const { exitCode, stderr } = await launch(['preview', '--stack', 'prdo', '--diff']);
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain(`${at('Pulumi.prdo.yaml')} does not exist: using the default for every key.`);
    const { args, env } = calls().at(-1) ?? { args: [], env: {} };
    expect(args).toEqual([
      ...['preview', '--stack', 'prdo', '--config-file', at('.local', 'Pulumi.prdo.yaml'), '--diff'],
    ]);
    const folder = env['PULUMI_BACKEND_URL']?.replace('file://', '') ?? '';
    expect(folder).toContain('claude-agent-preview-');
    expect(existsSync(folder)).toBe(false);
    const made = calls().filter(({ args: [, command] }) => command === 'init');
    expect(made.map((call) => call.env['PULUMI_BACKEND_URL'])).toEqual([`file://${folder}`]);
    expect(existsSync(at('Pulumi.prdo.yaml'))).toBe(false);
    expect(readdirSync(at('.local'))).toEqual(['pulumi']);
  });
});

describe('the commands that are suggested for another stack', () => {
  test('name it after a login, and for an invalid config, a lost image and a lock', async () => {
    const { at, launch } = project();
    const login = await launch(['login', '--stack', 'prod'], {
      FAKE_LOGIN: '{"claudeAiOauth":{"accessToken":"a","refreshToken":"r"}}',
    });
    expect(login.stderr).toContain('Next: npm run up -- --stack prod');
    writeFileSync(at('Pulumi.prod.yaml'), 'config:\n  claude-code-agent:registy: x\n');
    const invalid = await launch(['up', '--stack', 'prod']);
    expect(invalid.stderr).toContain(
      'registy is not a config key. Did you mean registry? Remove it: `npm run pulumi -- config rm registy --stack prod`.',
    );
    expect(invalid.stderr).toContain('`npm run pulumi -- config set KEY VALUE --stack prod`');
    const image = `r/claude-agent@sha256:${'0'.repeat(64)}`;
    writeFileSync(at('Pulumi.prod.yaml'), `config:\n  claude-code-agent:image: ${image}\n`);
    const lost = await launch(['up'], { PULUMI_STACK: 'prod', FAKE_DOCKER: `no such manifest: ${image}` });
    expect(lost.stderr).toContain('npm run pulumi -- config rm image --stack prod && npm run up -- --stack prod');
    const locks = at('.local', 'pulumi', '.pulumi', 'locks', 'organization', 'claude-code-agent', 'prod');
    mkdirSync(locks, { recursive: true });
    const lock = { pid: 1, username: 'u', hostname: 'elsewhere', timestamp: 't' };
    writeFileSync(`${locks}/a.json`, JSON.stringify(lock));
    const locked = await launch(['refresh', '--stack', 'prod']);
    expect(locked.stderr).toContain('`npm run pulumi -- cancel --yes --stack prod`');
  });

  test('name it in every line of the doctor', async () => {
    const { launch } = project();
    const { stdout } = await launch(['doctor', '--stack', 'prod', '--quick', '--json']);
    const { findings } = JSON.parse(stdout) as { findings: { next?: string }[] };
    const commands = findings.flatMap(({ next = '' }) => [...next.matchAll(/npm run [^&,(]+/g)].map(([text]) => text));
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) expect(command).toContain('--stack prod');
  });
});

describe('a program that fails', () => {
  test.each([
    ['error: incorrect passphrase', 'Restore the file .local/passphrase'],
    ['goroutine 1\nerror: could not list: no such host', 'npm run pulumi -- whoami --verbose'],
    ['', 'it printed nothing (Command failed with exit code 7)'],
  ])('is reported with the cause that it printed, %j, and what to do', async (printed, words) => {
    const { at, launch } = project();
    writeFileSync(at('bin', 'pulumi'), `#!/bin/sh\nprintf '%s\\n' "$SAID" >&2\nexit 7\n`, { mode: 0o755 });
    const { exitCode, stderr } = await launch(['rollback'], { SAID: printed });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`\`pulumi stack ls --json\` failed: ${printed.replace(/^goroutine 1\n/, '')}`);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('goroutine');
  });

  test('is reported with the error in a long output, without its stack trace', () => {
    const printed =
      'Loading\n\nUnable to connect: error: no route\n    at Object.run (a.js:1)\nmore 1\nmore 2\nmore 3\nmore 4\nmore 5';
    expect(causeLines(printed)).toBe('Unable to connect: error: no route\nmore 1\nmore 2\nmore 3\nmore 4');
    expect(causeLines(' \n')).toBe('');
  });

  test('to start is reported with where to get it', async () => {
    const { at, launch } = project();
    const { exitCode, stderr } = await launch(['rollback'], { PATH: at('nowhere') });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('failed: npx is not on the PATH');
    expect(stderr).toContain('https://www.pulumi.com/docs/install/');
    expect(stderr).not.toContain('    at ');
  });
});
