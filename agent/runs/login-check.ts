import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Claude, RunReport } from '../claude/claude.ts';
import type { ClaudeProcess } from '../claude/process.ts';
import type { Finding } from '../login/new-login/login-attempt.ts';
import type { LoginStatus } from '../login/status.ts';
import { causeOf } from './login-cause.ts';
import { judge } from './outcome.ts';
import type { RunResult } from '../store/run.ts';
import type { LoginReport } from '../http/api/state.ts';
import type { RunService } from './service.ts';
import type { Workspace } from '../workspace/workspace.ts';

export const FRESH_MS = 5 * 60_000;
export const PROBE_MS = 60_000;
export const PROBE_WAITS_MS = 30_000;
/** The prompt that tries a login. */
export const PROBE = 'Reply with the single word: ok';

/** Checks whether the login works: a run that succeeded in the last five minutes counts, otherwise a small prompt is sent. */
export class LoginCheck {
  readonly #service: RunService;
  readonly #claude: Claude;
  readonly #loginStatus: LoginStatus;
  readonly #workspace: Workspace;
  readonly #onProbed: (finding: Finding) => void;
  #current: Promise<LoginReport> | undefined;
  #answeredAt: Date | undefined;

  /**
   * @param workspace where the small prompt runs.
   * @param onProbed called with what a small prompt has shown.
   */
  constructor(
    service: RunService,
    claude: Claude,
    loginStatus: LoginStatus,
    workspace: Workspace,
    onProbed: (finding: Finding) => void,
  ) {
    this.#service = service;
    this.#claude = claude;
    this.#loginStatus = loginStatus;
    this.#workspace = workspace;
    this.#onProbed = onProbed;
  }

  /** When a check last returned a result; undefined before the first. */
  get answeredAt(): Date | undefined {
    return this.#answeredAt;
  }

  /** Concurrent callers share one check. */
  check(): Promise<LoginReport> {
    this.#current ??= this.#check().finally(() => (this.#current = undefined));
    return this.#current;
  }

  async #check(): Promise<LoginReport> {
    const { login, credential } = this.#loginStatus.current;
    if (!credential.present) {
      return this.report('none', { state: 'auth_failed', detail: login.detail, cause: 'no_credential' });
    }
    if (login.state === 'ok' && Date.now() - Date.parse(login.seenAt ?? '') < FRESH_MS) {
      return this.report('recent-run', { state: 'ok', detail: login.detail });
    }
    const { hasRoomBeside } = this.#claude;
    const place = { waitMs: PROBE_WAITS_MS, hasRoomBeside };
    const probed = await this.#service.runAheadOfQueue((started) => this.#probe(started), place);
    if (probed !== 'busy') return this.report('probe', probed);
    const detail = this.#service.unready ?? 'All slots were taken for as long as the check could wait.';
    return this.report('none', { state: 'busy', detail });
  }

  async #probe(started: (process: ClaudeProcess) => void): Promise<Finding> {
    const { version } = this.#loginStatus.credential.status();
    const { dir } = this.#workspace;
    const problem = this.#workspace.problemWith(dir);
    if (problem !== undefined) return { state: 'outage', detail: problem, cause: 'claude_failed' };
    const process = await this.#claude.start({
      runId: `probe-${randomUUID()}`,
      sessionId: randomUUID(),
      options: { permissionMode: 'dontAsk', maxTurns: 1 },
      text: PROBE,
      workdir: dir,
      deadline: performance.now() + PROBE_MS,
      textOnly: true,
    });
    started(process);
    const report = await process.report;
    await process.reaped;
    const finding = findingOf(report, this.#loginStatus, version);
    this.#onProbed(finding);
    return finding;
  }

  /** The report of what was found about the login, which concludes a check. */
  report(evidence: LoginReport['evidence'], finding: Finding): LoginReport {
    const { expiresAt } = this.#loginStatus.credential.status();
    const { paused } = this.#service;
    this.#answeredAt = new Date();
    return {
      ...finding,
      checkedAt: this.#answeredAt.toISOString(),
      evidence,
      source: this.#loginStatus.credential.source,
      host: hostname(),
      ...(expiresAt !== undefined && { expiresAt }),
      ...(paused && { paused }),
    };
  }
}

/**
 * What a probe shows about the login.
 * @param loginStatus learns it.
 * @param version of the credential when the probe started.
 */
export function findingOf(report: RunReport, loginStatus: LoginStatus, version: string): Finding {
  const judged = judge(report);
  const { apiError } = report.transcript;
  const result = loginStatus.reclassify(judged, apiError?.status, version);
  const learned = loginStatus.observe(result);
  if (!learned) return withoutEvidence(result);
  const { state, detail, resetsAt } = learned;
  const cause = causeOf(state, judged, apiError);
  return { state, detail, ...(resetsAt !== undefined && { resetsAt }), ...(cause !== undefined && { cause }) };
}

/** For a probe that says nothing about the login: the agent ended it, or Claude did not answer. */
function withoutEvidence({ outcome, error = '' }: RunResult): Finding {
  if (outcome === 'interrupted') return { state: 'busy', detail: error };
  return { state: 'outage', detail: error, cause: outcome === 'timed_out' ? 'no_answer' : 'claude_failed' };
}
