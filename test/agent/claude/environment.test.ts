import { describe, expect, it } from 'vitest';
import { claudeEnvironment, retriesWithin, retryWaitWithin } from '../../../agent/claude/environment.ts';

describe('retries of the CLI', () => {
  it.each([
    [1, 0],
    [2_500, 1],
    [10_000, 2],
    [60_000, 4],
    [300_000, 6],
    [600_000, 8],
    [-5, 0],
  ])('with %i ms left are %i, so that they take at most a quarter of the time', (remainingMs, retries) => {
    expect(retriesWithin(remainingMs)).toBe(retries);
  });

  it('may take no time after the deadline, which is not less than the none that they have taken', () => {
    expect(retryWaitWithin(-5)).toBe(0);
  });
});

describe('the environment of a claude process', () => {
  it.each([
    [600_000, undefined],
    [7_200_000.5, '7200000'],
  ])("of a run of %d ms lets a command take the CLI's ten minutes, or more if the run is longer", (ms, longest) => {
    expect(claudeEnvironment({}, {}, 'i/r', ms)['BASH_MAX_TIMEOUT_MS']).toBe(longest);
  });

  it('is built from named variables, the credential and the mark', () => {
    const base = {
      HOME: '/home/x',
      PATH: '/bin',
      HTTPS_PROXY: 'http://proxy',
      NODE_EXTRA_CA_CERTS: '/ca.pem',
      ANTHROPIC_API_KEY: 'stray',
      AGENT_TOKEN: 'secret',
      N8N_API_KEY: 'secret',
    };
    expect(claudeEnvironment(base, { CLAUDE_CONFIG_DIR: '/data/claude' }, 'i/r', 1000)).toEqual({
      HOME: '/home/x',
      PATH: '/bin',
      HTTPS_PROXY: 'http://proxy',
      NODE_EXTRA_CA_CERTS: '/ca.pem',
      DISABLE_AUTOUPDATER: '1',
      CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      CLAUDE_CODE_MAX_RETRIES: '0',
      CLAUDE_CONFIG_DIR: '/data/claude',
      CLAUDE_AGENT_RUN: 'i/r',
    });
  });
});
