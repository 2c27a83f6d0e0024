import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { JournalEntry, Step } from '../doubles/claude/script.ts';
import { COMPILE_CACHE } from './compile-cache.ts';

const DOUBLE = path.join(import.meta.dirname, '..', 'doubles', 'claude', 'main.ts');

/** A scripted CLI as an executable file, and the journal of its processes. */
export interface ScriptedClaude {
  /** For `AGENT_CLAUDE_PATH`. */
  readonly path: string;
  /** Every entry so far, oldest first. */
  journal(): JournalEntry[];
  /** The prompts that processes started, oldest first. */
  begun(): string[];
  /** Which processes have started, oldest first. */
  readonly started: () => number[];
}

/** Creates a scripted CLI in `folder`; by default it echoes the prompt. */
export function scriptClaude(folder: string, prompts: Readonly<Record<string, readonly Step[]>> = {}): ScriptedClaude {
  const file = path.join(folder, 'claude');
  const script = path.join(folder, 'script.json');
  const journal = path.join(folder, 'journal.jsonl');
  writeFileSync(script, JSON.stringify({ journal, prompts: { '*': ECHO, ...prompts } }));
  writeFileSync(
    file,
    `#!/bin/sh\nexport NODE_COMPILE_CACHE='${COMPILE_CACHE.NODE_COMPILE_CACHE}'\nexec '${process.execPath}' '${DOUBLE}' '${script}' "$@"\n`,
  );
  chmodSync(file, 0o755);
  const read = () =>
    existsSync(journal)
      ? readFileSync(journal, 'utf8')
          .split('\n')
          .slice(0, -1) // What follows the last line break is empty, or a line that is still being written.
          .map((line) => JSON.parse(line) as JournalEntry)
      : [];
  return {
    path: file,
    journal: read,
    started: () => read().flatMap((entry) => (entry.what === 'started' ? [entry.pid] : [])),
    begun: () => read().flatMap((entry) => (entry.what === 'began' ? [entry.prompt] : [])),
  };
}

/** Echoes the prompt. */
export const ECHO: readonly Step[] = [
  { do: 'say', text: 'echo' },
  { do: 'result', text: 'echo: $PROMPT' },
];
