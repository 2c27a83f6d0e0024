import path from 'node:path';
import { performance } from 'node:perf_hooks';
import type { ContentBlock } from '../../claude/inline-file.ts';
import type { EndReason } from '../../claude/process.ts';
import type { PromptPlace, PromptWork } from '../../claude/prompt-work.ts';
import type { GitRequest, GitResult } from '../../http/api/git.ts';
import type { Log } from '../../log.ts';
import { removeTree } from '../../remove-tree.ts';
import type { GitProgress, GitRecords } from '../../store/git-records.ts';
import type { Run, RunResult } from '../../store/run.ts';
import { GitError } from '../errors.ts';
import type { GitAccess, GitHosts, GitRepository } from '../hosts.ts';
import { clone, removeClone } from './clone.ts';
import { cloneName } from './clone-name.ts';
import { EndedError } from './ended-error.ts';
import { handOver, type HandedOver } from './hand-over.ts';
import { OwnGit } from './own-git.ts';
import { PlaceGit } from './place-git.ts';
import { planFor, type GitPlan } from './plan.ts';
import { branchAddress, publish } from './publish.ts';

/** How long the agent takes at most to get and publish the work of a run, in milliseconds. */
const PUBLISH_MS = 15 * 60_000;
const SUBJECT_CHARS = 72;

/** What a {@link GitRun} needs. */
export interface GitRunDependencies {
  readonly hosts: GitHosts;
  readonly records: GitRecords;
  /** The folder for the agent's own repositories, one for each run. */
  readonly folder: string;
  /** The folder that clones are in, in the paths of the workspace. */
  readonly workspaceDir: string;
  /** The variable `PATH` of the agent. */
  readonly path: string | undefined;
  /** The most bytes of the commits of a run. */
  readonly maxBytes: number;
  readonly log: Log;
}

/** The repository of one run, from the clone to the pull request. */
export class GitRun implements PromptWork {
  /** The working directory, in the paths of the workspace. It is the same for all runs of a conversation. */
  readonly workdir: string;
  readonly #run: Run;
  readonly #request: GitRequest;
  readonly #dependencies: GitRunDependencies;
  readonly #ended = new AbortController();
  /** Whether the commits are wanted, when the run has a result. */
  readonly #verdict = Promise.withResolvers<boolean>();
  readonly #handedOver = Promise.withResolvers<HandedOver>();
  #isCloning = true;
  #access: GitAccess | undefined;
  #plan: GitPlan | undefined;
  #git: GitResult | undefined;
  #warnings: readonly string[] = [];

  constructor(run: Run, request: GitRequest, dependencies: GitRunDependencies) {
    this.#run = run;
    this.#request = request;
    this.#dependencies = dependencies;
    this.workdir = path.join(dependencies.workspaceDir, cloneName(run.sessionId));
    this.#handedOver.promise.catch(() => undefined);
  }

  /** What is known of the repository so far; undefined before its host has answered. */
  get known(): GitResult | undefined {
    return this.#git;
  }

  get environment(): Readonly<Record<string, string>> {
    return this.#access?.environment ?? {};
  }

  /** Ends the clone; after the prompt, only a shutdown ends what is in progress, and the next agent goes on. */
  end(reason: EndReason): void {
    if (this.#isCloning || reason === 'shutdown') this.#ended.abort(new EndedError(reason));
  }

  /** @throws {GitError | EndedError} */
  async before(place: PromptPlace): Promise<readonly ContentBlock[]> {
    const { hosts, log } = this.#dependencies;
    const { signal } = this.#ended;
    const begun = performance.now();
    const repository = this.#repository();
    const plan = await this.#withOwnGit(repository, signal, (git) =>
      planFor(repository, this.#request, this.#branch, hosts, git),
    );
    this.#plan = plan;
    this.#git = { url: repository.url, ref: plan.ref, branch: plan.branch, pushed: false };
    const access = hosts.accessForRun(repository, this.#run.id);
    this.#access = access;
    try {
      const trust = this.#request.trustRepository === true;
      const git = new PlaceGit(place, access, signal);
      const { base, claudeMd, warnings } = await clone(place, git, { repository, plan, access, trust });
      this.#git = { ...this.#git, base };
      this.#warnings = warnings;
      this.#isCloning = false;
      const ms = Math.round(performance.now() - begun);
      log.info({ runId: this.#run.id, repository: repository.url, bytes: access.bytes, ms }, 'repository cloned');
      return claudeMd === undefined ? [] : [{ type: 'text', text: instructions(claudeMd) }];
    } catch (error) {
      await removeClone(place, this.#dependencies.log);
      throw error;
    }
  }

  async afterwards(place: PromptPlace): Promise<void> {
    try {
      if (await this.#verdict.promise) this.#handedOver.resolve(await this.#handOver(place));
    } catch (error) {
      this.#handedOver.reject(error);
    }
    await removeClone(place, this.#dependencies.log);
  }

  /**
   * Ends the repository's part of a run whose prompt has a result. Never rejects.
   * @param reaped settles when {@link afterwards} has been called, or never will be.
   * @returns how the run ends; undefined if the agent shuts down first, and the next one is to go on.
   */
  async finish(result: RunResult, reaped: Promise<void>): Promise<RunResult | undefined> {
    const isWanted = result.outcome === 'succeeded' && this.#request.push === true;
    this.#verdict.resolve(isWanted);
    if (!isWanted) return this.#with(result);
    try {
      const missed = reaped.then(() => {
        throw new Error('the place of the run is gone');
      });
      missed.catch(() => undefined);
      const handed = await Promise.race([this.#handedOver.promise, missed]);
      this.#warnings = [...this.#warnings, ...handed.warnings];
      const { base } = this.#git ?? {};
      if (!this.#git || base === undefined || !this.#plan) throw new Error('a result without a clone');
      const { defaultBranch, pullRequestBase, hasWork, branch } = this.#plan;
      const isUnchanged = handed.commit === base;
      const git = {
        ...this.#git,
        base,
        commit: handed.commit,
        ...(isUnchanged && UNCHANGED),
        ...(isUnchanged && hasWork && branchAddress(this.#repository(), branch)),
      };
      if (isUnchanged) this.#warnings = [...this.#warnings, 'The run has no new commits, so nothing was pushed.'];
      if (isUnchanged && !hasWork) return this.#with(result, git);
      const progress: GitProgress = {
        step: isUnchanged ? 'opening' : 'received',
        git,
        defaultBranch,
        pullRequestBase,
        result: { ...result, warnings: [...result.warnings, ...this.#warnings] },
      };
      this.#dependencies.records.put(this.#run.id, progress);
      return await this.complete(progress);
    } catch (error) {
      return this.#failed(this.#with(result), error);
    }
  }

  /** Call instead of {@link finish} if the run has no result. */
  giveUp(): void {
    this.#verdict.resolve(false);
  }

  /**
   * Publishes what the agent has received, maybe before a restart. Never rejects.
   * @returns as {@link finish}.
   */
  async complete(progress: GitProgress): Promise<RunResult | undefined> {
    this.#isCloning = false;
    let reached = progress;
    const save = (next: GitProgress) => {
      this.#dependencies.records.put(this.#run.id, next);
      reached = next;
    };
    try {
      const { hosts, maxBytes } = this.#dependencies;
      const repository = this.#repository();
      const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(PUBLISH_MS)]);
      const own = { repository, request: this.#request, progress, hosts, maxBytes, save, signal, pack: this.#pack };
      reached = await this.#withOwnGit(repository, signal, (git) => publish({ ...own, git }));
      return { ...progress.result, git: reached.git };
    } catch (error) {
      return this.#failed({ ...progress.result, git: reached.git }, error);
    }
  }

  /** Ends all access. @param hasEnded whether the end of the run is on disk, so that nothing is to be done any more. */
  async close({ hasEnded }: { hasEnded: boolean }): Promise<void> {
    this.#access?.[Symbol.dispose]();
    if (hasEnded) await removeTree(this.#folder);
  }

  get #branch(): string {
    return this.#request.branch ?? `claude/${this.#run.id.slice(0, 8)}`;
  }

  get #folder(): string {
    return path.join(this.#dependencies.folder, this.#run.id);
  }

  get #pack(): string {
    return path.join(this.#folder, 'commits.pack');
  }

  /** @throws {GitError} if the configuration does not allow it any more. */
  #repository(): GitRepository {
    const { repository, mistake = 'is not allowed' } = this.#dependencies.hosts.find(this.#request.url);
    if (repository) return repository;
    throw new GitError('refused', `The repository of the run cannot be used any more: \`git.url\` ${mistake}.`);
  }

  async #withOwnGit<T>(repository: GitRepository, signal: AbortSignal, work: (git: OwnGit) => Promise<T>): Promise<T> {
    const { hosts, path: PATH } = this.#dependencies;
    using access = hosts.accessForAgent(repository, this.#run.id);
    return await work(new OwnGit({ folder: path.join(this.#folder, 'repository'), path: PATH, access, signal }));
  }

  #handOver(place: PromptPlace): Promise<HandedOver> {
    const { base } = this.#git ?? {};
    const access = this.#access;
    if (base === undefined || !access) throw new Error('a prompt without a clone');
    const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(PUBLISH_MS)]);
    return handOver(new PlaceGit(place, access, signal), {
      base,
      message: this.#request.commit ? this.#message : undefined,
      pack: this.#pack,
      maxBytes: this.#dependencies.maxBytes,
    });
  }

  get #message(): string {
    const { pullRequest } = this.#request;
    const subject = pullRequest?.title ?? 'Changes by Claude';
    return `${subject.slice(0, SUBJECT_CHARS)}\n\nCommitted at the end of run ${this.#run.id}.\n`;
  }

  #with(result: RunResult, git = this.#git): RunResult {
    return { ...result, ...(git && { git }), warnings: [...result.warnings, ...this.#warnings] };
  }

  /** The end of a run whose prompt has succeeded, and whose commits could not be published. */
  #failed(result: RunResult, error: unknown): RunResult | undefined {
    if (this.#ended.signal.aborted) return this.#afterShutdown(result);
    const isKnown = error instanceof GitError;
    const { log } = this.#dependencies;
    log[isKnown ? 'warn' : 'error']({ runId: this.#run.id, err: error }, 'the work of a run was not published');
    return { ...result, ...unpublished(error) };
  }

  /** What is on disk, the next agent goes on with. */
  #afterShutdown(result: RunResult): RunResult | undefined {
    if (this.#dependencies.records.find(this.#run.id)) return undefined;
    return {
      ...result,
      outcome: 'interrupted',
      error: 'The agent shut down before it had the commits of the run. Nothing was pushed. Send the run again.',
    };
  }
}

const UNCHANGED = { ahead: 0, diffStat: { files: 0, insertions: 0, deletions: 0 } } as const;

function instructions(claudeMd: string): string {
  return `<repository-instructions file="CLAUDE.md">\n${claudeMd}\n</repository-instructions>`;
}

/** How a run ends whose commits could not be published. */
function unpublished(error: unknown): Pick<RunResult, 'outcome' | 'error'> {
  if (error instanceof GitError) return { outcome: error.outcome, error: error.message };
  const isLate = error instanceof Error && error.name === 'TimeoutError';
  return isLate
    ? { outcome: 'unavailable', error: 'The work of the run could not be published in 15 minutes.' }
    : { outcome: 'failed', error: `The work of the run could not be published (${String(error)}).` };
}
