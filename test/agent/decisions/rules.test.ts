import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approveRuleMistake } from '../../../agent/http/api/approve-rule.ts';
import { conflictOf } from '../../../agent/decisions/rules.ts';
import { answersMistake, questionsIn } from '../../../agent/decisions/question.ts';
import { Agent } from '../../support/agent.ts';

const PATTERN = 'Bash(git push*)';

describe('a rule of approve', () => {
  it.each(['Bash', 'WebFetch', 'mcp__tickets__close', PATTERN, 'Bash(git push:*)', 'Bash(*)'])('may be %s', (rule) => {
    expect(approveRuleMistake(rule)).toBeUndefined();
  });

  it.each([
    '',
    'bash',
    'Bsah',
    'Bash(',
    'Bash()',
    'Bash( )',
    'Bash, WebFetch',
    '*',
    'Web*',
    'mcp__tickets',
    'mcp__tickets__*',
    'mcp__tickets__close(x)',
    'Edit(src/**)',
    'Read(//etc/**)',
    'WebFetch(domain:example.org)',
    'Write(x)',
    'AskUserQuestion',
  ])('must not be "%s"', (rule) => {
    expect(approveRuleMistake(rule)).toBeTypeOf('string');
  });

  it.each(['bypassPermissions', 'acceptEdits', 'default'] as const)('may name a tool in %s', (mode) => {
    expect(conflictOf({ rules: ['Bash', 'WebFetch'] }, mode, ['Bash', '*'])).toBeUndefined();
  });

  it.each(['dontAsk', 'plan'] as const)('cannot be used in %s', (mode) => {
    expect(conflictOf({ rules: ['Bash'] }, mode, [])).toContain(mode);
  });

  it.each([['Bash'], ['Bash(ls:*)'], ['B*'], ['*'], ['Read', 'Bash']])(
    'must not have a pattern while %s is allowed',
    (...allow) => {
      expect(conflictOf({ rules: [PATTERN] }, 'default', allow)).toContain(PATTERN);
    },
  );

  it('may have a pattern only in acceptEdits and default, while no rule allows Bash', () => {
    expect(conflictOf({ rules: [PATTERN] }, 'default', ['Read', 'BashOutput'])).toBeUndefined();
    expect(conflictOf({ rules: [PATTERN] }, 'acceptEdits', [])).toBeUndefined();
    expect(conflictOf({ rules: [PATTERN] }, 'bypassPermissions', [])).toContain('other spellings');
  });
});

describe('answers', () => {
  const option = (label: string) => ({ label, description: '' });
  const questions = questionsIn({
    questions: [
      { question: 'One?', header: '', options: [option('a'), option('b')], multiSelect: false },
      { question: 'Many?', header: '', options: [option('a'), option('b')], multiSelect: true },
    ],
  });

  it.each<[Record<string, string | string[]>, RegExp | undefined]>([
    [{ 'One?': 'a', 'Many?': ['a', 'b'] }, undefined],
    [{ 'One?': 'something else', 'Many?': 'a' }, undefined],
    [{ 'One?': 'a' }, /no answer to "Many\?"/],
    [{ 'One?': ['a', 'b'], 'Many?': 'a' }, /needs one answer/],
    [{ 'One?': 'a', 'Many?': [] }, /needs an answer/],
    [{ 'One?': 'a', 'Many?': 'a', 'Other?': 'a' }, /did not ask/],
  ])('%j', (answers, mistake) => {
    const found = answersMistake(questions ?? [], answers);
    if (mistake) expect(found).toMatch(mistake);
    else expect(found).toBeUndefined();
  });
});

describe('an agent', () => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start({ env: { AGENT_PERMISSION_MODE: 'default', AGENT_APPROVE: `["${PATTERN}"]` } });
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  const errorOf = async (route: string, body: object) => {
    const headers = { 'Content-Type': 'application/json' };
    const response = await agent.fetch(route, {
      method: 'POST',
      headers,
      body: JSON.stringify({ prompt: 'x', ...body }),
    });
    await agent.fetch('/resume', { method: 'POST' });
    return { status: response.status, text: JSON.stringify(await response.json()) };
  };

  it.each<[string, object, string]>([
    ['/run', { approve: ['Bash'] }, 'Use POST /runs'],
    ['/run', { askQuestions: true }, 'Use POST /runs'],
    ['/run', { aprove: ['Bash'] }, 'Did you mean'],
    ['/runs', { approve: ['Bsah'] }, 'is not a tool of claude'],
    ['/runs', { approve: ['Bash'], permissionMode: 'plan' }, 'cannot be used with permissionMode plan'],
    [
      '/runs',
      { askQuestions: true, permissionMode: 'dontAsk' },
      '`askQuestions` cannot be used with permissionMode dontAsk',
    ],
    ['/runs', { permissionMode: 'bypassPermissions' }, 'AGENT_APPROVE'],
    ['/run', { permissionMode: 'bypassPermissions' }, 'AGENT_APPROVE'],
    ['/run', { allowedTools: ['Bash(git log:*)'] }, 'while Bash(git log:*) is allowed'],
  ])('refuses a %s with %j', async (route, body, why) => {
    const { status, text } = await errorOf(route, body);
    expect(status).toBe(400);
    expect(text).toContain(why);
  });

  it('says that there is no such decision', async () => {
    const { runId } = await agent.run('hello');
    const decide = (id: string, body = '{"allow":true}') =>
      agent.fetch(`/runs/${id}/decisions/x`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    expect((await decide(runId)).status).toBe(404);
    expect((await decide('x')).status).toBe(404);
    for (const body of [
      '{}',
      '[]',
      '{"allow":"yes"}',
      '{"allow":true,"answers":{}}',
      '{"allow":false,"input":{}}',
      'x',
    ])
      expect((await decide(runId, body)).status).toBe(400);
  });
});
