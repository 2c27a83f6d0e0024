/**
 * A scripted `claude`: speaks stream-json and the control protocol like the real one, and follows its script.
 * Usage: main.ts <script.json> [arguments of claude]
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assistant, delta, result } from './events.ts';
import { logIn } from './login.ts';
import type { Content, JournalEntry, Script, Step } from './script.ts';

const [scriptFile = '', ...args] = process.argv.slice(2);
const script = JSON.parse(readFileSync(scriptFile, 'utf8')) as Script;
const sessionId = args[args.findIndex((arg) => arg === '--session-id' || arg === '--resume') + 1] ?? '';
let prompt = '';
let saidSoFar = '';
let exitCode = 0;
let ignoring = false;
let finished = false;

const journal = (entry: JournalEntry) => appendFileSync(script.journal, `${JSON.stringify(entry)}\n`);
const write = (event: object) =>
  new Promise<void>((resolve) =>
    process.stdout.write(`${JSON.stringify({ session_id: sessionId, ...event })}\n`, () => resolve()),
  );

journal({ what: 'started', pid: process.pid, prompt });
const continued = args.includes('--resume') ? transcript() : undefined;
if (continued !== undefined) utimesSync(continued, new Date(), new Date());

function end(code: number): never {
  if (prompt === '' && continued !== undefined) keep({ type: 'mode', mode: 'normal', sessionId });
  journal({ what: 'ended', pid: process.pid, prompt });
  process.exit(code);
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => ignoring || end(signal === 'SIGTERM' ? 143 : 130));
}

if (args.join(' ') === 'auth login') logIn();
else listen();
// Keeps the process alive if it ignores the end of its input.
setInterval(() => undefined, 60_000);

function listen(): void {
  // Not readline, which treats U+2028 as the end of a line, too.
  let unread = '';
  process.stdin.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (unread + chunk).split('\n');
    unread = lines.pop() ?? '';
    for (const line of lines) receive(line);
  });
  process.stdin.on('end', () => {
    if (!ignoring && (finished || prompt === '')) end(exitCode);
  });
}

function receive(line: string): void {
  const message = JSON.parse(line) as { type: string; request_id?: string; message?: { content: Content } };
  if (message.type === 'user') void perform(message.message?.content ?? '');
  else if (message.type === 'control_request' && !ignoring) void interrupt(message.request_id ?? '');
}

async function interrupt(requestId: string): Promise<void> {
  await write({ type: 'control_response', response: { subtype: 'success', request_id: requestId, response: {} } });
  if (finished) return;
  if (saidSoFar !== '') await write({ ...assistant(saidSoFar), aborted: true });
  await write(result({ subtype: 'error_during_execution', is_error: true, errors: ['[interrupted]'] }));
  exitCode = 1;
  finished = true;
}

/** The prompt is the last text of the message. */
async function perform(content: Content): Promise<void> {
  const text = typeof content === 'string' ? content : (content.at(-1)?.text ?? '');
  prompt = text;
  const env = process.env as Record<string, string>;
  journal({ what: 'began', pid: process.pid, parent: process.ppid, prompt, content, args, env, cwd: process.cwd() });
  if (!args.includes('--no-session-persistence')) keep({ type: 'user', sessionId, message: { content } });
  await write({ type: 'system', subtype: 'init', cwd: process.cwd() });
  for (const step of script.prompts[text] ?? script.prompts['*'] ?? []) {
    if (finished && step.do === 'result') break;
    await take(step);
  }
  if (process.stdin.readableEnded && !ignoring) end(exitCode);
}

/** Appends a row to the conversation, wherever it is; a new one is in a folder of its own. */
function keep(row: object): void {
  const file = transcript() ?? path.join(projects(), 'scripted', `${sessionId}.jsonl`);
  mkdirSync(path.dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(row)}\n`);
}

/** The file of the conversation, if there is one. */
function transcript(): string | undefined {
  if (!existsSync(projects())) return undefined;
  const files = readdirSync(projects()).map((project) => path.join(projects(), project, `${sessionId}.jsonl`));
  return files.find((each) => existsSync(each));
}

function projects(): string {
  const config = process.env['CLAUDE_CONFIG_DIR'] ?? path.join(process.env['HOME'] ?? '', '.claude');
  return path.join(config, 'projects');
}

async function take(step: Step): Promise<void> {
  switch (step.do) {
    case 'event':
      return write(step.event);
    case 'line':
      process.stdout.write(`${step.line}\n`);
      return;
    case 'stderr':
      process.stderr.write(step.text);
      return;
    case 'stream':
      await write(delta('message_start'));
      for (const text of step.deltas) {
        await sleep(step.every);
        if (finished) return;
        saidSoFar += text;
        await write(delta('content_block_delta', text));
      }
      await write(assistant(saidSoFar));
      saidSoFar = '';
      return;
    case 'say':
      return write(assistant(step.text));
    case 'result':
      finished = true;
      return write(result({ result: step.text.replaceAll('$PROMPT', prompt) }));
    case 'refuse': {
      const api = { ...(step.status !== undefined && { api_error_status: step.status }) };
      await write({ ...assistant(step.text), ...api, error: step.kind, is_api_error_message: true });
      finished = true;
      exitCode = 1;
      return write(result({ ...api, is_error: true, result: step.text }));
    }
    case 'flood':
      finished = true;
      return write(result({ result: 'x'.repeat(step.bytes) }));
    case 'messages':
      for (let i = 0; i < step.count; i += 1) await write(assistant('y'.repeat(1_048_576)));
      return;
    case 'wait':
      return sleep(step.ms);
    case 'hang':
      return new Promise(() => undefined);
    case 'ignore':
      ignoring = true;
      return;
    case 'setsid': {
      const { pid = 0 } = spawn('sleep', ['300'], { detached: true, stdio: 'inherit' });
      journal({ what: 'grandchild', pid, prompt });
      return;
    }
    case 'row': {
      const modelUsage = { 'claude-scripted': { outputTokens: step.outputTokens, costUSD: step.costUsd } };
      keep({ type: 'cost-state', sessionId, totalCostUSD: step.costUsd, modelUsage });
      return;
    }
    case 'shell':
      await once(
        spawn('sh', ['-c', step.command], { stdio: 'ignore', env: { ...process.env, PROMPT: prompt } }),
        'exit',
      );
      return;
    case 'exit':
      return end(step.code);
    case 'die':
      process.kill(process.pid, step.signal);
  }
}
