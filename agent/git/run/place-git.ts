import type { ProgramCommand, ProgramExit } from '../../claude/host.ts';
import { EarlierRunnerError } from '../../claude/programs.ts';
import type { PromptPlace } from '../../claude/prompt-work.ts';
import { GitError } from '../errors.ts';
import type { GitAccess } from '../hosts.ts';
import { gitFailure } from './failure.ts';
import { ISOLATED, RESTRICTED } from './own-git.ts';

/** What a small answer may have: a run decides what is there. */
const ANSWER_BYTES = 1_048_576;

/** A program in the clone, or where `cwd` says. */
type PlaceCommand = Omit<ProgramCommand, 'env' | 'cwd' | 'signal'> & { readonly cwd?: string };

/** The git in the place of a run. From a run's end on, nothing that it says is trusted. */
export class PlaceGit {
  readonly #place: PromptPlace;
  readonly #access: GitAccess;
  readonly #signal: AbortSignal;

  constructor(place: PromptPlace, access: GitAccess, signal: AbortSignal) {
    this.#place = place;
    this.#access = access;
    this.#signal = signal;
  }

  /** Runs git in the clone. @returns its stdout. @throws {GitError} if it fails. */
  async output(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.result(args, input);
    if (code === 0) return stdout;
    throw gitFailure(`git ${args[0] ?? ''}`, stderr);
  }

  /** The same without a judgement of its exit code. */
  result(args: readonly string[], input?: string): Promise<ProgramExit & { readonly stdout: string }> {
    return this.answer({ file: 'git', args: [...RESTRICTED, ...args], ...(input !== undefined && { input }) });
  }

  /** Runs any program as {@link run} does. @returns its stdout, too, which must be short. */
  async answer(command: PlaceCommand): Promise<ProgramExit & { readonly stdout: string }> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const exit = await this.run({
      ...command,
      stdout(chunk) {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES)
          throw new GitError('tooLarge', 'git answered more than expected where the run works.');
        chunks.push(chunk);
      },
    });
    return { ...exit, stdout: Buffer.concat(chunks).toString('utf8') };
  }

  /** Runs a program in the clone, or where `cwd` says. @throws {GitError} if it cannot be started, or its runner is lost. */
  async run(command: PlaceCommand): Promise<ProgramExit> {
    const { programs, cwd, environment } = this.#place;
    try {
      const exit = await programs.run({
        cwd,
        ...command,
        env: { ...environment, ...ISOLATED, ...this.#access.environment },
        signal: this.#signal,
      });
      if (exit.lost) throw new GitError('hostDown', 'The connection to the runner was lost. Send the run again.');
      if (exit.reason !== undefined) throw new GitError('tooLarge', `The runner ended git. ${exit.reason}`);
      if (exit.startError !== undefined || exit.code === COMMAND_NOT_FOUND) {
        const why = exit.startError ?? exit.stderr;
        throw new GitError('refused', `git cannot be started where the run works: ${why}. Install git there.`);
      }
      return exit;
    } catch (error) {
      if (!(error instanceof EarlierRunnerError)) throw error;
      const what = `${error.message} Update the runners, or wait until they are replaced.`;
      throw new GitError('hostDown', what, { cause: error });
    }
  }
}

/** Of a shell. */
const COMMAND_NOT_FOUND = 127;
