import { describe, expect, test } from 'vitest';

import { cardOf } from '../../watchdog/teams/card.ts';
import { commandsOf } from '../../watchdog/teams/commands.ts';
import { type Card } from '../../watchdog/teams/layout.ts';
import { CREDENTIAL_KINDS } from '../../watchdog/contract.ts';
import { type LedgerState, type PausedWorkflow } from '../../watchdog/ledger/ledger.ts';
import { parseCard, textOf } from './card-text.ts';
import { CONTEXT, MORE, SAMPLES, type Sample } from './samples.ts';

const made = ({ due, state, context }: Sample): Card => cardOf(due, state, { ...CONTEXT, ...context });
const styleOf = (card: Card) => (card['body'] as { style?: string }[])[0]?.style;
const all = { ...SAMPLES, ...MORE } as Record<string, Sample>;

describe('every card', () => {
  test.each(Object.entries(all))('is understood whole by the reference implementation: %s', (_name, sample) => {
    const card = made(sample);
    const { problems, understood } = parseCard(card);
    expect(problems).toEqual([]);
    expect({ ...card, ...(understood as object) }).toEqual(card);
  });

  test('that is no card is found out by it', () => {
    const broken = {
      type: 'AdaptiveCard',
      version: '1.4',
      body: [
        { type: 'TextBlok', text: 'x' },
        { type: 'TextBlock', text: 'x', size: 'Huge' },
      ],
    };
    expect(parseCard(broken).problems.join()).toMatch(/TextBlok.*Huge/s);
  });

  test.each(Object.entries(all))('stays below what Teams takes with 500 long names: %s', (_name, sample) => {
    const step = sample.due.kind === 'recovered' ? 'resumed' : 'paused';
    const many = Array.from({ length: 500 }, (_, index): PausedWorkflow => {
      const left = index % 2 === 1;
      return {
        id: `${index}`,
        name: `Ein Workflow für Größe ${index} `.repeat(20),
        step: left ? 'left' : step,
        ...(left && { why: 'was edited' }),
      };
    });
    const long = 'x'.repeat(5000);
    const { trouble } = sample.state;
    const state: LedgerState = {
      ...sample.state,
      workflows: many,
      ...(trouble && { trouble: { ...trouble, detail: long } }),
    };
    const card = made({ ...sample, state, context: { n8nProblem: long } });
    expect(Buffer.byteLength(JSON.stringify(card))).toBeLessThan(26_000);
    expect(textOf(card)).toContain('… and 210 more');
    expect(parseCard(card).problems).toEqual([]);
  });
});

test('a card with the longest names that there are names fewer of them', () => {
  const name = '\u{1F4A5}'.repeat(128);
  const workflows = Array.from({ length: 500 }, (_, index): PausedWorkflow => ({
    id: `${index}`,
    name,
    step: 'left',
    why: name,
  }));
  const card = made({ ...SAMPLES.recovered, state: { ...SAMPLES.recovered.state, workflows } });
  expect(Buffer.byteLength(JSON.stringify(card))).toBeLessThan(26_000);
  expect(textOf(card)).toContain('more');
});

describe('the red card', () => {
  test.each(CREDENTIAL_KINDS)(
    'says pod, time, cause, paused workflows, and in three lines what to do for %s',
    (authMode) => {
      const card = made({ ...SAMPLES['login-failed'], context: { authMode } });
      const text = textOf(card);
      expect(styleOf(card)).toBe('attention');
      for (const said of [
        'claude-code-agent-6c9f7d5b8-x2x7k',
        '2026-03-01 03:00 UTC',
        'Paused workflows (3)',
        '• invoice_triage [EU]',
      ]) {
        expect(text).toContain(said);
      }
      const fix = {
        session: ['npm run login', 'npm run up'],
        oauthToken: ['claude setup-token', 'config set --secret claudeToken && npm run up'],
        apiKey: ['Anthropic Console', 'config set --secret claudeToken && npm run up'],
        federation: ['compare issuer, subject and audience', 'npm run up'],
      }[authMode];
      for (const line of [...fix, 'kubectl create job --from=cronjob/claude-auth-watchdog'])
        expect(text).toContain(line);
      const lines = text.slice(text.indexOf('What to do'), text.indexOf('Paused workflows')).trim().split('\n');
      expect(lines).toHaveLength(4);
    },
  );

  test.each(CREDENTIAL_KINDS)('names the stack in each command where it is not the usual one: %s', (authMode) => {
    const text = textOf(
      made({ ...SAMPLES['login-failed'], context: { authMode, commands: commandsOf('stack', 'prod') } }),
    );
    const commands = [...text.matchAll(/npm run (?:(?! {3}|&&|,)[^\n])*/g)].map(([command]) => command.trim());
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) expect(command).toMatch(/ -- (?:.* )?--stack prod(?: |$)/);
  });

  test.each(CREDENTIAL_KINDS)(
    'names no command that only a cluster has where docker compose runs it: %s',
    (authMode) => {
      const commands = commandsOf('compose', 'dev');
      const { due, state } = SAMPLES['login-failed'];
      const down = { ...state.trouble, state: 'agent_down', host: undefined } as const;
      const cards: Sample[] = [{ due, state }, { due, state: { ...state, trouble: down } }, SAMPLES.maintenance];
      const text = cards.map((sample) => textOf(made({ ...sample, context: { authMode, commands } }))).join('\n');
      expect(text).not.toMatch(/kubectl|npm run|pulumi|namespace/i);
      expect(text).toContain('docker compose exec watchdog node watchdog/main.ts   (or wait for the next check');
      expect(text).toContain('docker compose logs --tail 100 agent');
      expect(text).toContain('docker compose exec watchdog node watchdog/main.ts maintenance-end');
    },
  );

  test('leads to the section of the guide and to n8n', () => {
    expect(made(SAMPLES['login-failed'])['actions']).toEqual([
      { type: 'Action.OpenUrl', title: 'Refresh Tokens', url: 'https://wiki.example.com/claude-agent#refresh-tokens' },
      { type: 'Action.OpenUrl', title: 'Open n8n', url: 'https://n8n.example.com' },
    ]);
    const own = made({ ...SAMPLES['login-failed'], context: { guideUrl: 'https://wiki.example.com/x#mine' } });
    expect(JSON.stringify(own)).toContain('https://wiki.example.com/x#mine"');
    const none = made({ ...SAMPLES['login-failed'], context: { guideUrl: undefined, n8nUrl: undefined } });
    expect(none['actions']).toEqual([]);
  });

  test.each(CREDENTIAL_KINDS)('leads to the status page where a person can log in there: %s', (authMode) => {
    const pageUrl = 'https://claude-agent.example.com/agent/';
    const card = made({ ...SAMPLES['login-failed'], context: { authMode, pageUrl } });
    const guide = 'https://wiki.example.com/claude-agent#refresh-tokens';
    const url = authMode === 'session' ? pageUrl : guide;
    expect(card['actions']).toContainEqual({ type: 'Action.OpenUrl', title: 'Refresh Tokens', url });
    const amber = made({ ...SAMPLES['usage-limited'], context: { authMode, pageUrl } });
    expect(JSON.stringify(amber)).not.toContain(pageUrl);
  });

  test.each([
    ['no_credential', 'Not logged in', 'npm run login'],
    ['organization', 'organisation does not allow', 'Ask an admin'],
    ['billing', 'no credit left', 'Plans & Billing'],
    ['a new word', 'OAuth session expired', 'npm run login'],
  ])('words the cause %s', (cause, said, fix) => {
    const { state, due } = SAMPLES['login-failed'];
    const text = textOf(made({ due, state: { ...state, trouble: { ...state.trouble, cause } } }));
    expect(text).toContain(said);
    expect(text).toContain(fix);
  });
});

describe('the other cards', () => {
  test('amber says when the usage limit ends, and that a new login does not help', () => {
    const card = made(SAMPLES['usage-limited']);
    expect(styleOf(card)).toBe('warning');
    expect(textOf(card)).toContain('2026-03-01 07:00 UTC');
    expect(textOf(card)).toContain('a new login does not help');
    expect(textOf(card)).not.toContain('Refresh Tokens');
  });

  test('green says after how long, what came back, and what was left alone', () => {
    const card = made(SAMPLES.recovered);
    expect(styleOf(card)).toBe('good');
    for (const said of ['recovered after 72 minutes', 'Resumed workflows (2)', '• Release notes was edited']) {
      expect(textOf(card)).toContain(said);
    }
  });

  test('blue says why, until when, and how to end it', () => {
    const card = made(SAMPLES.maintenance);
    expect(styleOf(card)).toBe('accent');
    for (const said of ['Upgrade of the nodes', '2026-03-01 04:30 UTC', 'cronjob/claude-maintenance-end']) {
      expect(textOf(card)).toContain(said);
    }
    expect(textOf(made(MORE['maintenance late']))).toContain('expected to have ended by now');
  });

  test('a reminder says for how long', () => {
    expect(textOf(made(MORE.reminder))).toMatch(/Still: Claude needs a new login[^]*\(30 minutes\)/);
  });
});
