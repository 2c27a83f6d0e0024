import { describe, expect, test } from 'vitest';

import { causeIn, causeLines, isRunning, run, show, start } from '../../stack/exec.ts';

const shell = (script: string) => run('/bin/sh', ['-c', script]);

describe('a program', () => {
  test('returns what it prints to its standard output', async () => {
    expect(await shell('echo answer; echo noise >&2')).toEqual({ output: 'answer' });
  });

  test('that fails returns the reason, its output and how it ended', async () => {
    expect(await shell('echo progress; printf "warning: old\\nerror: no route\\nhint" >&2; exit 3')).toEqual({
      failure: 'error: no route',
      lines: 'error: no route\nhint',
      missing: false,
      exitCode: 3,
      printed: 'progress\nwarning: old\nerror: no route\nhint',
    });
  });

  test('that prints the reason to its standard output is understood too', async () => {
    expect(await shell('echo "error: no route"; exit 1')).toMatchObject({ failure: 'error: no route' });
  });

  test('that does not exist is missing', async () => {
    const failure = 'no-such-program is not on the PATH';
    expect(await run('no-such-program', [])).toMatchObject({ failure, lines: failure, missing: true });
    expect(await show('no-such-program', [], {})).toEqual({ failure });
    const { first, stop } = await start('no-such-program', []);
    expect(first).toMatchObject({ failure, missing: true });
    await stop();
  });

  test('that does not end in time is stopped', async () => {
    const attempt = await run('/bin/sleep', ['60'], { timeoutMs: 50 });
    expect(attempt).toMatchObject({ failure: '/bin/sleep did not finish within 0.05 s', missing: false });
  });

  test('has exactly the given environment', async () => {
    expect(await run('/usr/bin/env', [], { env: { ONLY: 'this' } })).toEqual({ output: 'ONLY=this' });
  });
});

test('a long-running program can be stopped', async () => {
  const { first, stop } = await start('/bin/sh', ['-c', 'echo $$; exec sleep 60']);
  const pid = Number('output' in first ? first.output : NaN);
  expect(await isRunning(pid)).toBe(true);
  await stop();
  expect(await isRunning(pid)).toBe(false);
});

describe('the reason of a failure', () => {
  test.each([
    ['begins with an error', 'Loading\nmentions an error\nerror: no route\nadvice', 'error: no route'],
    ['else contains one', 'Loading\nUnable to connect: error: no route\nadvice', 'Unable to connect: error: no route'],
    ['else is the first line', 'E0102 kubectl logs\nno such host\nadvice', 'no such host'],
    ['continues below its heading', 'error: failed because:\n  no route', 'error: failed because: no route'],
    [
      'continues below an error code of npm',
      'npm error code E404\nnpm error 404 Not Found',
      'npm error code E404 npm error 404 Not Found',
    ],
    ['has no colours', '\u001b[31merror: no route\u001b[0m', 'error: no route'],
    ['is empty if nothing is printed', ' \n', ''],
  ])('%s', (_what, printed, cause) => {
    expect(causeIn(printed)).toBe(cause);
  });

  test('is cut at 300 characters, and followed by at most four lines', () => {
    expect(causeIn(`error: ${'x'.repeat(400)}`)).toHaveLength(300);
    expect(causeLines('error: a\nb\n    at Object.run (a.js:1)\nc\nd\ne\nf')).toBe('error: a\nb\nc\nd\ne');
  });
});
