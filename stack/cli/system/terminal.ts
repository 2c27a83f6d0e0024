import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';

/** The operator has to do something first; the message says what. */
export class CliError extends Error {
  override readonly name = 'CliError';
}

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Asks the operator, on the terminal or through a pipe. After Ctrl-C there are no more answers, so that the command can undo
 * what it has begun; a second Ctrl-C ends it.
 */
export class Dialogue {
  readonly #readline: Interface;
  readonly #answers: AsyncIterator<string>;
  readonly #interruption = Promise.withResolvers<undefined>();
  #isInterrupted = false;
  #isClosed = false;
  #isHidden = false;

  constructor() {
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.#isHidden) process.stderr.write(chunk);
        done();
      },
    });
    this.#readline = createInterface({ input: process.stdin, output, terminal: process.stdin.isTTY });
    // At once: answers through a pipe arrive before the questions.
    this.#answers = this.#readline[Symbol.asyncIterator]();
    this.#readline.on('close', () => (this.#isClosed = true));
    // A terminal in raw mode sends no signal.
    this.#readline.on('SIGINT', this.#interrupt);
    for (const signal of ENDING) process.on(signal, this.#interrupt);
  }

  /**
   * @param isHidden whether the answer is a secret.
   * @returns the answer, trimmed; undefined if there is none.
   */
  async ask(question: string, isHidden = false): Promise<string | undefined> {
    if (this.#isInterrupted) return undefined;
    this.#readline.setPrompt(question);
    // A pipe may have ended with answers still to come.
    if (this.#isClosed) process.stderr.write(question);
    else this.#readline.prompt();
    this.#isHidden = isHidden;
    const given = await this.unlessInterrupted(this.#answers.next());
    const answer = given?.done === false ? given.value.trim() : undefined;
    this.#isHidden = false;
    // Only a terminal shows the end of the answer.
    if (isHidden || answer === undefined || !process.stdin.isTTY) process.stderr.write('\n');
    return answer;
  }

  /** The result of `work`, or undefined after Ctrl-C. */
  async unlessInterrupted<T>(work: Promise<T>): Promise<T | undefined> {
    return Promise.race([work, this.#interruption.promise]);
  }

  close(): void {
    for (const signal of ENDING) process.off(signal, this.#interrupt);
    this.#readline.close();
  }

  readonly #interrupt = (): void => {
    if (this.#isInterrupted) process.exit(1);
    this.#isInterrupted = true;
    this.#interruption.resolve(undefined);
    // Its signals are still handled here: otherwise execa would end this process to end what it has started.
    this.#readline.close();
  };
}

/** Asks on the operator's terminal; anything but `y` or `yes` means no. */
export async function confirmed(question: string): Promise<boolean> {
  const dialogue = new Dialogue();
  try {
    return /^y(es)?$/i.test((await dialogue.ask(`${question} [y/N] `)) ?? '');
  } finally {
    dialogue.close();
  }
}

/** @param what The action to confirm. @throws CliError if there is no terminal to ask. */
export function mustBeAsked(what: string): void {
  if (!process.stdin.isTTY)
    throw new CliError(`There is no terminal to ask for confirmation. To ${what} without asking, pass --yes.`);
}
