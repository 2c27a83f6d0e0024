import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';

import { expect } from 'vitest';

import type { Step } from '../docs/blocks.ts';
import type { Checkout } from './checkout.ts';
import { cutOff } from './power-cut.ts';
import { until } from './cluster.ts';

/** Runs the blocks of documents one after the other, as a reader would who copies them into one terminal. */
export class Reader {
  readonly #checkout: Checkout;
  readonly #folder: string;
  #inBackground: (() => Promise<void>) | undefined;

  constructor(checkout: Checkout) {
    this.#checkout = checkout;
    this.#folder = mkdtempSync(`${checkout.folder}-reader-`);
  }

  /**
   * Runs a block: all of its commands have to succeed, and it has to print what its tag says. What it exports is there for
   * the blocks that follow.
   * @param values for what a reader replaces.
   * @returns all that it printed.
   */
  async run(step: Step, values: Readonly<Record<string, string>>): Promise<string> {
    const [script, variables] = [path.join(this.#folder, 'block.sh'), path.join(this.#folder, 'variables.sh')];
    writeFileSync(variables, '', { flag: 'a' });
    const lines = [`. ${variables}`, 'set -euo pipefail', filled(step, values), `export -p >${variables}`];
    writeFileSync(script, lines.join('\n'));
    if (step.background) return this.#leave(step, script);
    const before = this.#inBackground;
    this.#inBackground = undefined;
    try {
      const { exitCode, all: output } = await (step.answers === undefined
        ? this.#checkout.start('bash', [script])
        : this.#answered(script, step.answers));
      const said = `${step.at}\n${step.text}\nprinted\n${output}`;
      expect(exitCode, said).toBe(0);
      for (const pattern of step.prints) expect(output, said).toMatch(pattern);
      return output;
    } finally {
      await before?.();
    }
  }

  /** Ends what goes on in the background. */
  async close(): Promise<void> {
    await this.#inBackground?.();
    rmSync(this.#folder, { recursive: true });
  }

  async #leave({ at, prints }: Step, script: string): Promise<string> {
    const running = this.#checkout.start('bash', [script]);
    this.#inBackground = async () => {
      await cutOff(running);
      await running;
    };
    let output = '';
    running.all.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await until(`what ${at} prints`, () =>
      Promise.resolve(prints.every((pattern) => pattern.test(output)) ? true : undefined),
    );
    return output;
  }

  /** In a terminal of util-linux, since what asks a person asks nobody else. */
  #answered(script: string, answers: Readonly<Record<string, string>>) {
    const terminal = ['--quiet', '--return', '--command', `bash ${script}`, '/dev/null'];
    const running = this.#checkout.start('script', terminal, 'pipe');
    let output = '';
    const open = new Map(Object.entries(answers));
    running.all.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      for (const [question, answer] of [...open].filter(([text]) => output.includes(text))) {
        open.delete(question);
        running.stdin?.write(`${answer}\n`);
      }
    });
    return running;
  }
}

function filled({ at, text, with: placeholders }: Step, values: Readonly<Record<string, string>>): string {
  let result = text;
  for (const [placeholder, name] of Object.entries(placeholders)) {
    const value = values[name];
    if (value === undefined) throw new Error(`${at}: the test has no value ${name} for ${placeholder}.`);
    result = result.replaceAll(placeholder, value);
  }
  return result;
}
