import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { mistakesInCallers } from '../../../agent/callers/rules.ts';
import { readSettings, SettingsError } from '../../../agent/settings.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const sha256 = (token: string) => createHash('sha256').update(token).digest('hex');

const mistakes = (env: Record<string, string>): string => {
  try {
    readSettings(env);
    return '';
  } catch (error) {
    return (error as SettingsError).mistakes.join('\n');
  }
};
const withCallers = (callers: unknown, env: Record<string, string> = {}) =>
  mistakes({ AGENT_CALLERS: typeof callers === 'string' ? callers : JSON.stringify(callers), ...env });

describe('the callers in the settings', () => {
  it('may have one token or two, and labels', () => {
    const callers = [
      { name: 'n8n', sha256: [A.toUpperCase()], may: ['run'] },
      { name: 'team-2.x', sha256: [B, 'c'.repeat(64)], may: ['run', 'read'], labels: { team: 'x' } },
    ];
    expect(readSettings({ AGENT_CALLERS: JSON.stringify(callers) }).callers).toEqual([
      { ...callers[0], sha256: [A] },
      callers[1],
    ]);
    expect(readSettings({}).callers).toEqual([]);
  });

  it('are reported with all mistakes at once', () => {
    const found = withCallers([
      { name: 'n8n', may: ['run'] },
      { name: 'n8n', sha256: [A], may: ['write'] },
      { name: 'operator', sha256: [A.toUpperCase()], may: [] },
      { name: 'No Name', sha256: ['short'], may: ['run'], tokens: 1, labels: { team: 1 } },
      'n8n',
    ]);
    for (const part of [
      '[0].sha256 is missing; it must be a list of one or two SHA-256',
      '[1].may is ["write"]; it must be a list of one or more of run, read, admin',
      '[2].name is "operator"; it must not be operator, watchdog, claude',
      '[2].may is []',
      '[3].name is "No Name"; it must be 1 to 63 lower-case letters',
      '[3].sha256 is ["short"]',
      '[3].labels is {"team":1}',
      '[3].tokens is unknown',
      '[4] must be an object with name, sha256, may, labels',
      'the name "n8n" occurs more than once',
      `the hash ${A.slice(0, 12)}… occurs more than once (n8n, operator)`,
    ]) {
      expect(found).toContain(part);
    }
    expect(withCallers('n8n')).toContain('it must be a list of callers, such as [{"name": "n8n-prod"');
    expect(mistakesInCallers(Array(51).fill({}))[0]).toBe('there are 51, and at most 50 are allowed');
  });

  it('have no token that is also the API token or that of the watchdog', () => {
    const callers = [{ name: 'n8n', sha256: [sha256('secret'), B], may: ['run'] }];
    expect(withCallers(callers, { AGENT_TOKEN: 'secret' })).toContain('n8n and operator have the same token');
    expect(withCallers(callers, { AGENT_TOKEN_SHA256: A, AGENT_EARLIER_TOKEN_SHA256: B })).toContain(
      'n8n and operator',
    );
    expect(withCallers(callers, { AGENT_WATCHDOG_TOKEN_SHA256: B })).toContain('n8n and the watchdog');
    expect(mistakes({ AGENT_TOKEN_SHA256: A, AGENT_WATCHDOG_TOKEN_SHA256: A })).toContain('operator and the watchdog');
    expect(mistakes({ AGENT_TOKEN_SHA256: A, AGENT_EARLIER_TOKEN_SHA256: A })).toContain('Remove it.');
  });
});
