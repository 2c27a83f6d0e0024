import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rawPublicKey } from '../../../agent/runner/key.ts';
import { readRunnerSettings } from '../../../agent/runner/settings.ts';
import { KEY } from '../../support/runner.ts';

describe('the settings of a runner', () => {
  let folder: string;
  let env: Record<string, string>;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'settings-'));
    for (const name of ['home', 'workspace', 'home/inner', 'tmp']) mkdirSync(path.join(folder, name));
    symlinkSync('home', path.join(folder, 'link'));
    env = {
      RUNNER_PUBLIC_KEY: rawPublicKey(KEY),
      RUNNER_HOME: path.join(folder, 'home'),
      RUNNER_WORKSPACE: path.join(folder, 'workspace'),
      TMPDIR: path.join(folder, 'tmp'),
    };
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('have defaults, but none for the key and for folders that are emptied', () => {
    expect(readRunnerSettings(env)).toMatchObject({
      port: 7070,
      home: env['RUNNER_HOME'],
      keepWorkspace: false,
      graceSeconds: 30,
      logLevel: 'info',
      notes: [],
    });
    expect(() => readRunnerSettings({})).toThrow(
      /Invalid settings \(3\):\n.*RUNNER_PUBLIC_KEY is not set; .*or RUNNER_PUBLIC_KEY_FILE a file with it.*\n.*RUNNER_HOME is undefined.*\n.*RUNNER_WORKSPACE/,
    );
  });

  it('take the key from a file too, which the agent writes', () => {
    const { RUNNER_PUBLIC_KEY: key = '', ...others } = env;
    const file = path.join(folder, 'key');
    const inFile = { ...others, RUNNER_PUBLIC_KEY_FILE: file };
    expect(messageOf(inFile)).toContain(`RUNNER_PUBLIC_KEY_FILE is "${file}"; it must be an existing file`);
    writeFileSync(file, `${key}\n`);
    const { publicKey } = readRunnerSettings(inFile);
    expect(publicKey.equals(readRunnerSettings(env).publicKey)).toBe(true);
  });

  it('are all reported when they are wrong', () => {
    const wrong = {
      RUNNER_PORT: '70700',
      RUNNER_PUBLIC_KEY: 'c2hvcnQ=',
      RUNNER_HOME: path.join(folder, 'link'),
      RUNNER_WORKSPACE: '/',
      RUNNER_KEEP_WORKSPACE: 'yes',
      RUNNER_CLAUDE_PATH: '/missing',
      RUNNER_GRACE_SECONDS: '-1',
      RUNNER_LOG_LEVEL: 'loud',
      TMPDIR: '/missing',
    };
    const message = messageOf({ ...env, ...wrong });
    expect(message).toContain(`Invalid settings (${Object.keys(wrong).length})`);
    for (const name of Object.keys(wrong)) expect(message).toContain(`${name} is "`);
    expect(message).toContain('RUNNER_KEEP_WORKSPACE is "yes"; it must be one of true, false.');
    expect(message).toContain('it must be the base64 of the 32 bytes of an Ed25519 public key.');
  });

  it('must name separate folders', () => {
    expect(messageOf({ ...env, RUNNER_WORKSPACE: path.join(folder, 'home/inner') })).toContain(
      'RUNNER_WORKSPACE is in RUNNER_HOME, or the same; they must be separate folders.',
    );
  });

  it('give a note for a name that is none', () => {
    expect(readRunnerSettings({ ...env, RUNNER_PROT: '1' }).notes).toEqual([
      'RUNNER_PROT is not a setting of the runner and is ignored. Did you mean `RUNNER_PORT`?',
    ]);
  });
});

function messageOf(env: Record<string, string>): string {
  try {
    readRunnerSettings(env);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}
