import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ToolAsk } from '../../../agent/claude/asks.ts';
import { Decisions, type RunAsks, type RunHolder } from '../../../agent/decisions/decisions.ts';
import { AlreadyDecidedError, DecisionMistake, NoSuchDecisionError } from '../../../agent/decisions/errors.ts';
import type { RunOptions } from '../../../agent/http/api/run-request.ts';
import { openStore } from '../../../agent/store/sqlite.ts';
import type { RunStore } from '../../../agent/store/store.ts';

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
const CALL: ToolAsk = { tool: 'Bash', input: { command: 'ls' }, byRule: true };

describe('a call that no person allows', () => {
  let folder: string;
  let store: RunStore;
  let holder: RunHolder;
  let asks: RunAsks;
  let decisions: Decisions;
  const never = new AbortController().signal;

  /** Starts a run; without a limit a decision takes as long as it takes. */
  const start = (options: RunOptions, { limitMinutes = 15, isAwaited = false } = {}) => {
    const request = { prompt: 'x', options, labels: {}, timeoutMs: 1, workdir: '/', ...(isAwaited && { isAwaited }) };
    holder = { run: store.accept(request, 'session', { begins: true }) };
    decisions = new Decisions({
      store: store.decisions,
      log: SILENT,
      approve: [],
      permissionMode: 'bypassPermissions',
      limitMinutes,
      stateDir: folder,
      claudeSettings: undefined,
      userSettings: [],
      onChange: () => undefined,
    });
    const started = decisions.forRun(holder);
    if (!started) throw new Error('Nobody decides about this run.');
    asks = started;
  };
  const openId = () => holder.run.decisions?.at(-1)?.id ?? '';

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'decisions-'));
    store = openStore(path.join(folder, 'runs.db'));
  });
  afterEach(() => {
    store[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  it('is denied by the time limit, which is in the record', async () => {
    start({ approve: ['Bash'] }, { limitMinutes: 0.0001 });
    const answer = await asks.answer(CALL, never);
    expect(answer).toMatchObject({
      behavior: 'deny',
      message: expect.stringContaining('Nobody allowed Bash') as string,
    });
    expect(store.find(holder.run.id)).toMatchObject({
      state: 'running',
      decisions: [{ by: 'time limit', allowed: false }],
    });
    expect(() => decisions.decide(holder.run, openId(), { allow: true })).toThrow(AlreadyDecidedError);
  });

  it.each<[string, ToolAsk, RunOptions, boolean]>([
    ['no rule names', { ...CALL, byRule: false }, { approve: ['Bash'] }, false],
    ['its client waits for', CALL, { approve: ['Bash'] }, true],
    ['is a question in a run without questions', { ...CALL, tool: 'AskUserQuestion' }, { approve: ['Bash'] }, false],
  ])('is denied without a question if it %s', async (_, call, options, isAwaited) => {
    start(options, { isAwaited });
    expect(await asks.answer(call, never)).toMatchObject({ behavior: 'deny' });
    expect(holder.run.decisions).toBeUndefined();
  });

  it('is denied if the question cannot be recorded', async () => {
    start({ approve: ['Bash'] });
    const { run } = holder;
    holder.run = { ...run, id: 'not-on-record' };
    expect(await asks.answer(CALL, never)).toMatchObject({ behavior: 'deny' });
    expect(holder.run.decisions).toBeUndefined();
  });

  it('is denied if claude takes it back, and open until the end if the run ends', async () => {
    start({ approve: ['Bash'] });
    const withdrawn = new AbortController();
    const first = asks.answer(CALL, withdrawn.signal);
    withdrawn.abort('claude');
    expect(await first).toMatchObject({ behavior: 'deny' });
    const ended = new AbortController();
    const second = asks.answer(CALL, ended.signal);
    ended.abort('end');
    expect(await second).toMatchObject({ behavior: 'deny' });
    expect(() => decisions.decide(holder.run, openId(), { allow: true })).toThrow(/run is ending/);
    const run = store.end(holder.run, { outcome: 'cancelled', output: '', permissionDenials: [], warnings: [] });
    expect(run.decisions).toMatchObject([{ by: 'claude' }, { by: 'end of the run', allowed: false }]);
    expect(store.find(run.id)?.decisions).toEqual(run.decisions);
  });

  it('is denied after too many others', async () => {
    start({ approve: ['Bash'] });
    const open = Array.from({ length: 20 }, () => asks.answer(CALL, never));
    expect(await asks.answer(CALL, never)).toMatchObject({ message: expect.stringContaining('too often') as string });
    for (const { id } of holder.run.decisions ?? []) decisions.decide(holder.run, id, { allow: false });
    await Promise.all(open);
    expect(holder.run.state).toBe('running');
  });

  it('is not allowed by a decision about another one', async () => {
    start({ approve: ['Bash'] });
    const first = holder;
    const asked = asks.answer(CALL, never);
    const id = openId();
    const other = { run: store.accept({ ...first.run.request }, 'other', { begins: true }) };
    expect(() => decisions.decide(other.run, id, { allow: true })).toThrow(NoSuchDecisionError);
    expect(() => decisions.decide(first.run, 'x', { allow: true })).toThrow(NoSuchDecisionError);
    expect(() => decisions.decide(first.run, id, { answers: {} })).toThrow(DecisionMistake);
    decisions.decide(first.run, id, { allow: false });
    expect(await asked).toMatchObject({ behavior: 'deny' });
  });

  it.each<[string, RunOptions, Record<string, unknown>]>([
    ['has another name', { approve: ['Bash'] }, { command: 'ls', dangerouslyDisableSandbox: true }],
    ['is too large', { approve: ['Bash'] }, { command: 'x'.repeat(70_000) }],
    ['could get round a rule that denies', { approve: ['Bash'], disallowedTools: ['Bash(rm *)'] }, { command: 'pwd' }],
  ])('is not allowed with an input that %s', async (_, options, input) => {
    start(options);
    const asked = asks.answer(CALL, never);
    expect(() => decisions.decide(holder.run, openId(), { allow: true, input })).toThrow(DecisionMistake);
    expect(holder.run.state).toBe('waiting');
    decisions.decide(holder.run, openId(), { allow: true });
    expect(await asked).toEqual({ behavior: 'allow', updatedInput: CALL.input });
  });

  it('shows a note in the place of an input that is too large', async () => {
    start({ approve: ['Write'] });
    const input = { file_path: '/f', content: 'x'.repeat(70_000) };
    const asked = asks.answer({ tool: 'Write', input, byRule: true }, never);
    expect(holder.run.decisions).toMatchObject([{ input: '(left out: longer than 65536 characters)' }]);
    decisions.decide(holder.run, openId(), { allow: true });
    expect(await asked).toEqual({ behavior: 'allow', updatedInput: input });
  });
});
