import { setTimeout as sleep } from 'node:timers/promises';
import { CappedText } from '../../claude/capped-text.ts';
import type { HostedProcess, ProcessCommand, ProcessHost } from '../../claude/host.ts';

/** How long the CLI may take to print the address, and to exchange a code, in milliseconds. */
const ADDRESS_MS = 30_000;
const ANSWER_MS = 60_000;
/** Output that has not been read by then is lost. */
const PIPES_AFTER_EXIT_MS = 200;
const OUTPUT_CHARS = 16_384;
const SAID_CHARS = 300;

/** What `claude auth login` prints; `test/contract/login.test.ts` holds it. White space ends the address. */
const ADDRESS = /https:\/\/\S+(?=\s)/;
const ASKS_AGAIN = "doesn't look like the full code";
const REFUSED = "code wasn't accepted";
const FAILED = /^Couldn't log in: /;

/** What became of a code. `asks again`: it is incomplete, and the CLI waits for another one. */
export type CodeAnswer =
  | { readonly what: 'accepted' | 'asks again' | 'refused' }
  /** In the words of the CLI, or of the system. */
  | { readonly what: 'failed'; readonly why: string };

/** A process of `claude auth login`. */
export class LoginProcess {
  /** The address for the browser. Rejects with the reason if the CLI prints none within half a minute. */
  readonly address: Promise<string>;
  /** What the process has shown when it ended. Never rejects. */
  readonly ended: Promise<CodeAnswer>;
  readonly #hosted: HostedProcess;
  readonly #stdout = new CappedText(OUTPUT_CHARS);
  /** Since the last code. */
  #stderr = new CappedText(OUTPUT_CHARS);
  readonly #address = Promise.withResolvers<string>();
  #again = Promise.withResolvers<CodeAnswer>();

  /** @throws what {@link ProcessHost.start} throws. */
  constructor(command: ProcessCommand, host: ProcessHost) {
    this.#hosted = host.start(command, {
      stdout: (chunk) => this.#read(chunk),
      stderr: (chunk) => {
        this.#stderr.append(chunk.toString('utf8'));
        if (this.#stderr.toString().includes(ASKS_AGAIN)) this.#again.resolve({ what: 'asks again' });
      },
    });
    this.ended = this.#end();
    this.address = this.#firstAddress();
  }

  /** Passes on a code. Call it again only if it asks again. Never rejects. */
  async submit(code: string): Promise<CodeAnswer> {
    this.#stderr = new CappedText(OUTPUT_CHARS);
    this.#again = Promise.withResolvers();
    this.#hosted.write(`${code}\n`);
    const late = sleep(ANSWER_MS, { what: 'failed', why: 'claude did not answer within a minute' } as const, {
      ref: false,
    });
    const answer = await Promise.race([this.#again.promise, this.ended, late]);
    return answer.what === 'failed' ? { ...answer, why: without(code, answer.why) } : answer;
  }

  /** Kills it and what it started. Settles when nothing is left; rejects if something cannot be killed. */
  async kill(): Promise<void> {
    // It does not end with its input.
    this.#hosted.signal('SIGKILL');
    await this.#hosted.sweep();
  }

  #read(chunk: Buffer): void {
    this.#stdout.append(chunk.toString('utf8'));
    const [address] = ADDRESS.exec(this.#stdout.toString()) ?? [];
    if (address !== undefined) this.#address.resolve(address);
  }

  async #end(): Promise<CodeAnswer> {
    const { code, startError } = await this.#hosted.exit;
    await Promise.race([this.#hosted.outputEnd, sleep(PIPES_AFTER_EXIT_MS)]);
    if (startError !== undefined) return { what: 'failed', why: `claude cannot be started: ${startError}` };
    if (code === 0) return { what: 'accepted' };
    const said = this.#stderr.toString();
    if (said.includes(REFUSED)) return { what: 'refused' };
    const last = said.trim().split('\n').at(-1)?.replace(FAILED, '').slice(0, SAID_CHARS) ?? '';
    return { what: 'failed', why: last === '' ? `claude ended with exit code ${code ?? 'none'}` : last };
  }

  async #firstAddress(): Promise<string> {
    const early = this.ended.then((answer) =>
      answer.what === 'failed' ? answer.why : 'claude ended before it printed an address',
    );
    const late = sleep(ADDRESS_MS, 'claude printed no address within half a minute', { ref: false });
    const why = Promise.race([early, late]).then((reason) => Promise.reject(new Error(reason)));
    return Promise.race([this.#address.promise, why]);
  }
}

/** Removes a code and its parts from a text. */
function without(code: string, text: string): string {
  return [code, ...code.split('#')].filter(Boolean).reduce((rest, part) => rest.replaceAll(part, '…'), text);
}
