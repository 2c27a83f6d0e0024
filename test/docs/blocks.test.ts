import { readdirSync, readFileSync } from 'node:fs';

import { execa } from 'execa';
import { describe, expect, it } from 'vitest';

import { TITLES } from '../../watchdog/teams/words.ts';
import { type Block, BlockError, blocksIn, commandBlocks, commandsOf, stepsOf, tagOf } from './blocks.ts';
import { readDocument, tableIn } from './markdown.ts';
import { syntaxErrorsInPowerShell } from './powershell.ts';

/** Documents that the end-to-end test runs, in its order. */
const GUIDE = ['README.md', 'docs/operations.md', 'docs/troubleshooting.md'];

/** api.test.ts runs docs/api.md, against an agent. */
const pages = readdirSync('docs').filter((file) => file.endsWith('.md') && file !== 'api.md');
const documents = [
  ...GUIDE,
  'CONTRIBUTING.md',
  ...pages.map((file) => `docs/${file}`).filter((file) => !GUIDE.includes(file)),
];
const blocks = documents.flatMap(commandBlocks);

/** Syntax errors in a block, as bash or the grammar of PowerShell reports them. */
async function syntaxErrorsIn({ language, text }: Block): Promise<string[]> {
  if (language === 'powershell') return syntaxErrorsInPowerShell(text);
  if (language !== 'sh') return [`${language} cannot be checked; allowed: sh, powershell`];
  const { failed, stderr } = await execa('bash', ['-n'], { input: text, reject: false });
  return failed ? [stderr] : [];
}

/** The commands of a document that the end-to-end test runs. */
const run = (document: string) => new Set(stepsOf([document]).flatMap(commandsOf));

const blocksOf = (text: string) => blocksIn(text, 'x.md');
const first = (text: string) => blocksOf(text)[0] ?? expect.fail('there is no block');
const FENCE = '```sh\nls\n```\n';

describe('a block of commands', () => {
  it('has its text, place, heading and comment', () => {
    const text = `# One\n\n1. A list:\n\n   <!-- e2e: look -->\n\n   \`\`\`sh\n   if true; then\n     ls\n   fi\n   \`\`\`\n`;
    expect(blocksOf(text)).toEqual([
      {
        at: 'x.md:7',
        document: 'x.md',
        language: 'sh',
        text: 'if true; then\n  ls\nfi\n',
        heading: 'One',
        comment: 'e2e: look',
      },
    ]);
  });

  it('does not include fences with data', () => {
    expect(blocksOf('```json\n{}\n```\n')).toEqual([]);
  });

  it.each([
    ['no language', '```\nls\n```\n', /x\.md:1: the block has no language/],
    ['no end', 'text\n```sh\nls\n', /x\.md:2: the block is not closed/],
  ])('is an error with %s', (_, text, message) => {
    expect(() => blocksOf(text)).toThrow(message);
  });

  it('has commands without comments, and with continued lines joined', () => {
    const text =
      "kubectl annotate x \\\n  a='b c' d=1     # why\n# a remark\nnpm run x -- --y # z\ncurl 'http://x/#y'\n";
    expect(commandsOf({ text })).toEqual(["kubectl annotate x a='b c' d=1", 'npm run x -- --y', "curl 'http://x/#y'"]);
  });
});

describe('a tag', () => {
  it('has the name of the step, the expected output, and the placeholders', () => {
    expect(tagOf(first(`<!-- e2e: look -->\n\n${FENCE}`))).toMatchObject({
      e2e: { step: 'look', prints: [] },
    });
    const tag = "<!-- e2e: { step: look, prints: ['^a: b', c], with: { '12': number }, answers: { '[y/N]': y } } -->";
    expect(tagOf(first(`${tag}\n${FENCE}`))).toMatchObject({
      e2e: { prints: [/^a: b/m, /c/m], with: { '12': 'number' }, answers: { '[y/N]': 'y' } },
    });
  });

  it.each([
    ['missing', `Text.\n\n${FENCE}`, 'x.md:3: the block has no tag'],
    ['before another block', `<!-- e2e: look -->\n${FENCE}\n${FENCE}`, 'x.md:6: the block has no tag'],
    ['`by-hand` without a reason', `<!-- by-hand: -->\n${FENCE}`, 'x.md:2: by-hand: is not a valid tag'],
    ['`by-hand` with a single word', `<!-- by-hand: no -->\n${FENCE}`, 'is not a valid tag'],
    ['with an unknown field', `<!-- e2e: { step: look, expects: x } -->\n${FENCE}`, 'is not a valid tag'],
    ['with an invalid pattern', `<!-- e2e: { step: look, prints: '(' } -->\n${FENCE}`, 'Invalid regular expression'],
    ['another kind of comment', `<!-- Begin: generated -->\n${FENCE}`, 'is not a valid tag'],
  ])('is rejected if it is %s', (_, text, message) => {
    const all = () => blocksOf(text).map(tagOf);
    expect(all).toThrow(BlockError);
    expect(all).toThrow(message);
  });
});

describe('PowerShell', () => {
  it.each([
    ['a pipe', "kubectl get pods -o yaml | kubectl apply -f '-'"],
    ['a variable', '$last = kubectl get jobs -o name | Select-Object -Last 1\nkubectl logs $last'],
    ['a hash', '$headers = @{ Authorization = "Bearer $(Get-Content .local/agent-token)" }'],
  ])('with %s is accepted', async (_, script) => {
    expect(await syntaxErrorsInPowerShell(script)).toEqual([]);
  });

  it.each([
    ['an unclosed bracket', 'ls\nfoo $(cat x', 'line 2'],
    ['an unclosed quote', 'kubectl get "x', 'line 1'],
    ['a bash continuation', 'kubectl get `\n  a b\nif [ -f x ]; then ls; fi', 'line 3'],
  ])('with %s is rejected', async (_, script, place) => {
    expect((await syntaxErrorsInPowerShell(script)).join()).toContain(place);
  });
});

describe('the documents', () => {
  it('have blocks', () => expect(blocks.length).toBeGreaterThan(60));

  it.each(blocks.map((block) => [block.at, block] as const))('%s is tagged, and can be parsed', async (at, block) => {
    const tag = tagOf(block);
    expect(await syntaxErrorsIn(block), at).toEqual([]);
    if ('by-hand' in tag) return;
    expect(block.language, `${at}: only bash blocks are run`).toBe('sh');
    if ('e2e' in tag) {
      expect(GUIDE, `${at}: the end-to-end test does not run this document`).toContain(block.document);
      for (const placeholder of Object.keys(tag.e2e.with)) expect(block.text, at).toContain(placeholder);
    } else {
      const there = run(tag['runs-in']);
      expect(
        commandsOf(block).filter((command) => !there.has(command)),
        `${at}: not run in ${tag['runs-in']}`,
      ).toEqual([]);
    }
  });

  it('contain PowerShell only on one page', () => {
    const pages = blocks.filter(({ language }) => language === 'powershell').map(({ document }) => document);
    expect([...new Set(pages)]).toEqual(['docs/windows.md']);
  });

  it('use each step name once', () => {
    const names = stepsOf(GUIDE).map(({ step }) => step);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  it('mention only npm scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    const named = documents.flatMap((document) =>
      [...readDocument(document).matchAll(/npm run ([a-z][\w:]*)/g)].map(([, name = '']) => `${document}: ${name}`),
    );
    expect(named.filter((name) => !((name.split(': ')[1] ?? '') in scripts))).toEqual([]);
  });
});

describe('docs/operations.md', () => {
  const operations = readDocument('docs/operations.md');

  it('runs every command of its table of key commands', () => {
    const commands = tableIn(operations, 'for', 'command').flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, command = '']) => command),
    );
    expect(commands.length).toBeGreaterThan(12);
    const there = run('docs/operations.md');
    expect(commands.filter((command) => !there.has(command))).toEqual([]);
  });

  it('has the anchor that the button of the red card opens', () => {
    expect(operations).toContain('<a id="refresh-tokens"></a>');
  });
});

it('docs/troubleshooting.md has a section for each card about trouble', () => {
  const headings = readDocument('docs/troubleshooting.md').match(/^### .*/gm);
  expect(headings).toEqual(expect.arrayContaining(Object.values(TITLES).map((title) => `### ${title}`)));
});
