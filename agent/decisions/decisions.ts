import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { QUESTION_TOOL, type ToolAnswer, type ToolAsk } from '../claude/asks.ts';
import { bounded } from '../claude/bounded.ts';
import type { PromptAsks } from '../claude/claude.ts';
import { callerNameOf } from '../callers/callers.ts';
import { OPERATOR, type PermissionMode } from '../contract.ts';
import { MAX_DECISION_INPUT_CHARS, type DecisionRequest } from '../http/api/decision.ts';
import type { RunOptions } from '../http/api/run-request.ts';
import type { Log } from '../log.ts';
import type { DecisionRecords } from '../store/decision-records.ts';
import type { Decision, Run } from '../store/run.ts';
import { AskSettings } from './ask-settings.ts';
import { changedInputMistake } from './changed-input.ts';
import { permissionsIn } from './claude-permissions.ts';
import { AlreadyDecidedError, DecisionMistake, NoSuchDecisionError } from './errors.ts';
import { answersForClaude, answersMistake, questionsIn } from './question.ts';
import { conflictOf } from './rules.ts';

/** More calls are denied: each open one is shown on the page and kept in memory. */
const MAX_OPEN = 20;
const MAX_PER_RUN = 500;
const MAX_NAME_CHARS = 200;

/** A run in progress, which is replaced as it changes. */
export interface RunHolder {
  run: Run;
}

/** What {@link Decisions} needs. */
export interface DecisionsDependencies {
  readonly store: DecisionRecords;
  readonly log: Log;
  /** Rules for all runs. */
  readonly approve: readonly string[];
  readonly permissionMode: PermissionMode;
  /** How long a decision may take. */
  readonly limitMinutes: number;
  readonly stateDir: string;
  /** The agent's own settings of claude, and all other files with settings that a run has. */
  readonly claudeSettings: string | undefined;
  readonly userSettings: readonly string[];
  /** Called after a decision was asked for or made, and is on disk. Must not throw. */
  readonly onChange: (run: Run, decision: Decision) => void;
}

/** A decision that is open. */
interface Open {
  readonly holder: RunHolder;
  readonly decision: Decision;
  readonly ask: ToolAsk;
  readonly settle: (answer: ToolAnswer) => void;
}

/** How a decision was made. */
type How = Pick<Decision, 'by' | 'allowed' | 'message' | 'changedInput' | 'answers'>;

/** A run's own part in the decisions. Close it when no process of the run is left. */
export interface RunAsks extends PromptAsks {
  close(): void;
}

/**
 * Has a person decide about tool calls. What no person allowed is denied: by the time limit, by an error, and whatever nobody
 * was asked about.
 */
export class Decisions {
  readonly #dependencies: DecisionsDependencies;
  readonly #settings: AskSettings;
  readonly #open = new Map<string, Open>();

  constructor(dependencies: DecisionsDependencies) {
    this.#dependencies = dependencies;
    const { stateDir, claudeSettings, userSettings } = dependencies;
    const configDirs = userSettings.map((file) => path.dirname(file));
    this.#settings = new AskSettings(stateDir, claudeSettings, configDirs);
  }

  /** Whether a person decides about runs with these options. */
  concerns({ approve = [], askQuestions = false }: RunOptions): boolean {
    return askQuestions || approve.length > 0 || this.#dependencies.approve.length > 0;
  }

  /** Why what a run asks of a person does not fit its other options, in a sentence without a subject. */
  conflictOf(options: RunOptions): string | undefined {
    // Every run is asked about, and settings are files.
    if (!this.concerns(options)) return undefined;
    const { permissionMode = this.#dependencies.permissionMode, allowedTools = [], askQuestions = false } = options;
    const rules = this.#rulesOf(options);
    return conflictOf({ rules, askQuestions }, permissionMode, [...allowedTools, ...this.#permissions().allow]);
  }

  /**
   * What a run that is about to start has a person decide about; undefined for nothing.
   * @throws if its settings cannot be written.
   */
  forRun(holder: RunHolder): RunAsks | undefined {
    const { id, request } = holder.run;
    const { options, isAwaited } = request;
    if (!this.concerns(options)) return undefined;
    const rules = this.#rulesOf(options);
    const questions = options.askQuestions === true && !isAwaited;
    const settings = rules.length === 0 ? undefined : this.#settings.write(id, rules);
    return {
      settings,
      questions,
      answer: (ask, signal) => this.#answer(holder, ask, signal, questions),
      close: () => this.#settings.remove(id),
    };
  }

  /**
   * Closes a decision for a person.
   * @param by the name of the caller.
   * @throws {NoSuchDecisionError | AlreadyDecidedError | DecisionMistake}; or what the store throws. The decision then stays
   *   as it was.
   */
  decide(run: Run, id: string, request: DecisionRequest, by: string = OPERATOR): void {
    const open = this.#open.get(id);
    const known = run.decisions?.find((each) => each.id === id);
    if (!known) throw new NoSuchDecisionError(run.id, id);
    if (open?.holder.run.id !== run.id) throw new AlreadyDecidedError(known);
    const { how, answer } = this.#decided(open, request);
    this.#close(open, { ...how, by }, answer);
  }

  /** How long a decision may take, in milliseconds. */
  get limitMs(): number {
    return this.#dependencies.limitMinutes * 60_000;
  }

  /** How many runs wait for a decision. */
  get waitingRuns(): number {
    return new Set([...this.#open.values()].map(({ holder }) => holder.run.id)).size;
  }

  /** The rules for all runs hold for a run in addition to its own. */
  #rulesOf({ approve = [] }: RunOptions): string[] {
    return [...new Set([...this.#dependencies.approve, ...approve])];
  }

  #permissions() {
    const { claudeSettings, userSettings } = this.#dependencies;
    return permissionsIn([...(claudeSettings === undefined ? [] : [claudeSettings]), ...userSettings]);
  }

  async #answer(holder: RunHolder, ask: ToolAsk, signal: AbortSignal, questions: boolean): Promise<ToolAnswer> {
    const isQuestion = ask.tool === QUESTION_TOOL;
    if (isQuestion ? !questions : !ask.byRule) return deny(`Permission to use ${ask.tool} was not granted.`);
    if (holder.run.request.isAwaited) {
      return deny(
        `A person would have to allow ${ask.tool}, and cannot be asked in this run: its client waits for it.`,
      );
    }
    const { decisions = [] } = holder.run;
    const open = decisions.filter(({ decidedAt }) => decidedAt === undefined).length;
    if (open >= MAX_OPEN || decisions.length >= MAX_PER_RUN) {
      return deny(`A person would have to allow ${ask.tool}, and was asked too often in this run.`);
    }
    if (signal.aborted) return deny('The run ends.');
    const { promise, resolve } = Promise.withResolvers<ToolAnswer>();
    const decision = decisionAbout(ask);
    const waits: Open = { holder, decision, ask, settle: resolve };
    try {
      this.#dependencies.store.add(holder.run, decision);
    } catch (error) {
      this.#dependencies.log.error({ runId: holder.run.id, err: error }, 'a decision cannot be recorded');
      return deny(`A person would have to allow ${ask.tool}, and cannot be asked because of an error.`);
    }
    this.#open.set(decision.id, waits);
    holder.run = { ...holder.run, state: 'waiting', decisions: [...decisions, decision] };
    this.#tell(waits, decision);
    return this.#until(promise, waits, signal);
  }

  async #until(decided: Promise<ToolAnswer>, open: Open, signal: AbortSignal): Promise<ToolAnswer> {
    const { limitMinutes } = this.#dependencies;
    const nobody = deny(`Nobody allowed ${open.ask.tool} within ${limitMinutes} minutes.`);
    const timer = setTimeout(() => this.#closeUndecided(open, 'time limit', nobody), this.limitMs);
    const withdraw = () => this.#withdraw(open, signal.reason);
    signal.addEventListener('abort', withdraw);
    try {
      return await decided;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', withdraw);
    }
  }

  /** The end of a run closes its decisions on disk. */
  #withdraw(open: Open, reason: unknown): void {
    const answer = deny('No answer is wanted any more.');
    if (reason === 'claude') {
      this.#closeUndecided(open, 'claude', answer);
      return;
    }
    this.#open.delete(open.decision.id);
    open.settle(answer);
  }

  /** Denies even if that cannot be recorded; the end of the run records it then. */
  #closeUndecided(open: Open, by: string, answer: ToolAnswer): void {
    try {
      this.#close(open, { by, allowed: false }, answer);
    } catch (error) {
      this.#dependencies.log.error({ decisionId: open.decision.id, err: error }, 'a decision cannot be recorded');
      this.#open.delete(open.decision.id);
      open.settle(answer);
    }
  }

  #close(open: Open, how: How, answer: ToolAnswer): void {
    const { holder, settle } = open;
    const decision: Decision = { ...open.decision, decidedAt: new Date().toISOString(), ...how };
    this.#dependencies.store.close(decision);
    this.#open.delete(decision.id);
    const decisions = (holder.run.decisions ?? []).map((each) => (each.id === decision.id ? decision : each));
    const waits = decisions.some(({ decidedAt }) => decidedAt === undefined);
    holder.run = { ...holder.run, state: waits ? 'waiting' : 'running', decisions };
    this.#tell(open, decision);
    settle(answer);
  }

  /** @throws {DecisionMistake} */
  #decided({ holder, ask }: Open, request: DecisionRequest): { how: How; answer: ToolAnswer } {
    if ('answers' in request) return answered(ask, request.answers);
    if (!request.allow) {
      const { message } = request;
      const answer = deny(message ?? `A person denied ${ask.tool}.`);
      return { how: { allowed: false, ...(message !== undefined && { message }) }, answer };
    }
    if (ask.tool === QUESTION_TOOL) throw new DecisionMistake('A question needs `answers`, or `"allow": false`.');
    const { input } = request;
    if (input === undefined) return { how: { allowed: true }, answer: { behavior: 'allow', updatedInput: ask.input } };
    const { disallowedTools = [] } = holder.run.request.options;
    const mistake = changedInputMistake(ask.input, input, disallowedTools, this.#permissions());
    if (mistake !== undefined) throw new DecisionMistake(mistake);
    return { how: { allowed: true, changedInput: input }, answer: { behavior: 'allow', updatedInput: input } };
  }

  #tell({ holder, ask }: Open, decision: Decision): void {
    const { log, onChange } = this.#dependencies;
    const { id, by, allowed } = decision;
    const what = by === undefined ? 'run waits for a decision' : 'decided';
    log.info(
      {
        runId: holder.run.id,
        caller: callerNameOf(holder.run),
        decisionId: id,
        tool: ask.tool.slice(0, MAX_NAME_CHARS),
        by,
        allowed,
      },
      what,
    );
    onChange(holder.run, decision);
  }
}

const deny = (message: string): ToolAnswer => ({ behavior: 'deny', message });

function decisionAbout({ tool, input }: ToolAsk): Decision {
  const shown = bounded(input, MAX_DECISION_INPUT_CHARS);
  const [question] = (tool === QUESTION_TOOL ? questionsIn(input) : undefined) ?? [];
  return {
    id: randomUUID(),
    tool: tool.slice(0, MAX_NAME_CHARS),
    input: 'problem' in shown ? `(left out: ${shown.problem})` : shown.value,
    ...(question && { question: question.question, choices: question.choices }),
    askedAt: new Date().toISOString(),
  };
}

/** @throws {DecisionMistake} */
function answered(ask: ToolAsk, answers: Readonly<Record<string, string | readonly string[]>>) {
  const questions = ask.tool === QUESTION_TOOL ? questionsIn(ask.input) : undefined;
  if (!questions) throw new DecisionMistake(`\`answers\` is for questions. For ${ask.tool} use \`allow\`.`);
  const mistake = answersMistake(questions, answers);
  if (mistake !== undefined) throw new DecisionMistake(mistake);
  const updatedInput = { ...ask.input, answers: answersForClaude(answers) };
  return { how: { allowed: true, answers }, answer: { behavior: 'allow', updatedInput } as const };
}
