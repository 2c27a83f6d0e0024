import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClaude, type Claude, type Prompt, type RunReport } from '../../../agent/claude/claude.ts';
import { judge } from '../../../agent/runs/outcome.ts';
import type { Content, Step } from '../../doubles/claude/script.ts';
import { until } from '../../support/agent.ts';
import { localClaude } from '../../support/local-claude.ts';
import { filesIn, inputFile } from '../../support/run-files.ts';
import { scriptClaude, type ScriptedClaude } from '../../support/scripted-claude.ts';

const KEEPS = 'printf result > "$CLAUDE_RUN_OUT/result.txt"';
const SESSION = '0b3ef75a-4fd1-4ba3-9a6c-0d5c6a0a4c2e';

const prompts: Record<string, readonly Step[]> = {
  'make a file': [
    { do: 'shell', command: KEEPS },
    { do: 'result', text: 'made' },
  ],
  'copy the files': [
    { do: 'shell', command: 'cp "$CLAUDE_RUN_IN"/* "$CLAUDE_RUN_OUT"; ln -s x "$CLAUDE_RUN_OUT/link"' },
    { do: 'result', text: 'copied' },
  ],
  'make a file and hang': [{ do: 'shell', command: KEEPS }, { do: 'say', text: 'made' }, { do: 'hang' }],
  'make a file and die': [
    { do: 'shell', command: KEEPS },
    { do: 'die', signal: 'SIGKILL' },
  ],
  'make a file and fail': [
    { do: 'shell', command: KEEPS },
    { do: 'refuse', kind: 'unknown', text: 'no' },
  ],
};

describe('a prompt', () => {
  let folder: string;
  let scripted: ScriptedClaude;
  let claude: Claude;
  let prepared: number;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'prompt-files-'));
    scripted = scriptClaude(folder, prompts);
    prepared = 0;
    claude = createClaude({ ...localClaude(folder, scripted.path, folder), prepared: () => prepared });
  });
  afterEach(async () => {
    await claude.close();
    rmSync(folder, { recursive: true });
  });

  const start = (text: string, more: Partial<Prompt> = {}) =>
    claude.start({
      runId: 'r',
      sessionId: SESSION,
      options: {},
      text,
      workdir: folder,
      deadline: performance.now() + 60_000,
      ...more,
    });

  async function run(text: string, more: Partial<Prompt> = {}): Promise<RunReport> {
    const { report, reaped } = await start(text, more);
    const said = await report;
    await reaped;
    return said;
  }

  const began = () => scripted.journal().flatMap((entry) => (entry.what === 'began' ? [entry] : []));
  const textsOf = (content: Content = '') =>
    typeof content === 'string' ? content : content.map(({ text = '' }) => text);
  const kept = ({ collected }: RunReport) =>
    Object.fromEntries(collected?.files.map((file) => [file.name, readFileSync(file.path, 'utf8')]) ?? []);

  it('with files is told where they are, and what it leaves is kept', async () => {
    const inputs = [inputFile(folder, 'one.txt', 'first'), inputFile(folder, 'two.csv', 'a;b', { type: 'text/csv' })];
    const report = await run('copy the files', { files: filesIn(folder, inputs) });
    const [{ content, env } = {}] = began();
    const { CLAUDE_RUN_IN: given = '', CLAUDE_RUN_OUT: left = '' } = env ?? {};
    expect(textsOf(content)).toEqual([
      `<run-files>
The user gave you these files to read, in ${given}:
- one.txt (5 bytes, text/plain)
- two.csv (3 bytes, text/csv)
Put files that the user should get into ${left}, directly and not in folders of it.
</run-files>`,
      'copy the files',
    ]);
    expect(kept(report)).toEqual({ 'one.txt': 'first', 'two.csv': 'a;b' });
    expect(report.collected?.warnings).toEqual(['The file "link" that the run left was not kept: it is a link.']);
    expect(existsSync(path.dirname(given))).toBe(false);
  });

  it('without files is told where to put some, and has none unless it does', async () => {
    expect(await run('say something', { files: filesIn(folder) })).toMatchObject({ collected: undefined });
    const [note, prompt] = textsOf(began()[0]?.content);
    expect(note).toMatch(/^<run-files>\nPut files that the user should get into \S+\/out, directly/);
    expect(prompt).toBe('say something');
    expect(kept(await run('make a file', { files: filesIn(folder) }))).toEqual({ 'result.txt': 'result' });
  });

  it('that has no folders for files is the message alone', async () => {
    await run('plain');
    await run('check', { textOnly: true });
    const [plain, check] = began();
    expect([plain?.content, check?.content]).toEqual(['plain', 'check']);
    expect(check?.env).not.toHaveProperty('CLAUDE_RUN_IN');
    expect(check?.args.join()).not.toContain('--add-dir');
  });

  it('may read and write in its folder as in the working directory', async () => {
    await run('plain');
    const [one] = began();
    expect(one?.args).toContain(`--add-dir=${path.dirname(one?.env['CLAUDE_RUN_OUT'] ?? '')}`);
  });

  it('names some of very many files', async () => {
    const file = inputFile(folder, 'x', 'x');
    const inputs = Array.from({ length: 60 }, (_, i) => ({ ...file, name: `f${i}` }));
    await run('plain', { files: filesIn(folder, inputs) });
    const [note = ''] = textsOf(began()[0]?.content);
    expect(note.split('\n')).toHaveLength(55);
    expect(note).toContain('\n- f49 (1 bytes, text/plain)\n- and 10 more\n');
  });

  it('has the folder of a warm process', async () => {
    prepared = 1;
    claude.prepare({ idle: true, starting: [], waiting: [] });
    const sessionId = claude.newSessionId({ options: {}, workdir: folder, timeoutMs: 60_000 });
    await until(() => scripted.started().length === 1, 'it has started');
    const inputs = [inputFile(folder, 'one.txt', 'first')];
    const started = await start('copy the files', { sessionId, files: filesIn(folder, inputs) });
    expect(started.warm).toBe(true);
    expect(kept(await started.report)).toEqual({ 'one.txt': 'first' });
    await started.reaped;
  });

  it.each([
    ['fails', 'make a file and fail', 'failed'],
    ['is killed', 'make a file and die', 'failed'],
    ['times out', 'make a file and hang', 'timed_out'],
    ['is cancelled', 'make a file and hang', 'cancelled'],
  ])('that %s keeps what it has left', async (how, text, outcome) => {
    const said = Promise.withResolvers<undefined>();
    const started = await start(text, { files: filesIn(folder), onText: () => said.resolve(undefined) });
    const end = { 'times out': 'deadline', 'is cancelled': 'cancelled' } as const;
    if (how in end) void said.promise.then(() => started.end(end[how as keyof typeof end]));
    const report = await started.report;
    expect(judge(report).outcome).toBe(outcome);
    expect(kept(report)).toEqual({ 'result.txt': 'result' });
    await started.reaped;
  });

  it('whose files cannot be put into its folder fails, and says why', async () => {
    const file = inputFile(folder, 'gone', 'text');
    rmSync(file.path);
    const report = await run('copy the files', { files: filesIn(folder, [file]) });
    expect(judge(report)).toMatchObject({
      outcome: 'failed',
      error: expect.stringMatching(
        /^claude could not be started: its files could not be put into its folder \(.*ENOENT/,
      ) as string,
    });
    expect(began()).toEqual([]);
  });

  it('has images and PDFs as parts of the message, and says which are none', async () => {
    const png = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    );
    const inline = (name: string, content: string | Buffer, type: string) =>
      inputFile(folder, name, content, { type, inline: true });
    const inputs = [
      inline('a.png', png, 'image/png'),
      inline('b.pdf', '%PDF-1.7', 'application/pdf'),
      inline('c.png', 'no image', 'image/png'),
      inline('d.pdf', 'no PDF', 'application/pdf'),
    ];
    const { collected } = await run('plain', { files: filesIn(folder, inputs) });
    const source = (media_type: string, content: string | Buffer) => ({
      type: 'base64',
      media_type,
      data: Buffer.from(content).toString('base64'),
    });
    expect(began()[0]?.content).toMatchObject([
      { type: 'image', source: source('image/png', png) },
      { type: 'document', source: source('application/pdf', '%PDF-1.7'), title: 'b.pdf' },
      { type: 'text', text: expect.stringContaining('- d.pdf (6 bytes, application/pdf)') as string },
      { type: 'text', text: 'plain' },
    ]);
    expect(collected).toEqual({
      files: [],
      warnings: [
        'The file "c.png" is not a part of the prompt, because it is no readable image. It is in the folder of the run.',
        'The file "d.pdf" is not a part of the prompt, because it is no readable PDF. It is in the folder of the run.',
      ],
    });
  });

  it('that is cancelled before it has its files ends without them', async () => {
    const started = await start('copy the files', { files: filesIn(folder, [inputFile(folder, 'one', 'x')]) });
    started.end('cancelled');
    expect(judge(await started.report)).toMatchObject({ outcome: 'cancelled' });
    await started.reaped;
  });
});
