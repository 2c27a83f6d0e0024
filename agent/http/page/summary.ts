import { html } from 'hono/html';
import { form, heading, time, type Html, type PageContext } from './parts.ts';
import { held } from './held.ts';
import type { Status } from './status.ts';
import { count, grouped, type Tone } from './words.ts';

/** The state of the agent as a whole. */
export interface Headline {
  readonly tone: Tone;
  readonly state: string;
  readonly why?: Html | string;
}

/** The most urgent state of the agent. */
export function headlineOf(status: Status): Headline {
  const { unready, paused, login, workspaceProblem, startProblem, hold, load, now } = status;
  if (unready !== undefined) return { tone: 'badly', state: 'Not ready', why: unready };
  if (paused) {
    const reason = paused.reason === undefined ? '' : `: ${paused.reason}`;
    return { tone: 'waits', state: 'Paused', why: html`Since ${time(paused.since)}${reason}` };
  }
  if (login.state === 'auth_failed') return { tone: 'badly', state: 'Log in', why: login.detail };
  if (hold?.reason === 'usage_limit') return { tone: 'waits', state: 'Usage limit', why: held(hold, now) };
  if (hold) return { tone: 'badly', state: 'Claude unreachable', why: held(hold, now) };
  if (login.state === 'outage') return { tone: 'badly', state: 'Claude unreachable', why: login.detail };
  if (login.state === 'usage_limited') return { tone: 'waits', state: 'Usage limit', why: login.detail };
  if (workspaceProblem !== undefined) return { tone: 'badly', state: 'Workspace full', why: workspaceProblem };
  if (startProblem !== undefined) return { tone: 'badly', state: 'No runner', why: startProblem };
  // Even with a queue limit of 0, an agent with a free slot accepts a run.
  if (load.queued >= load.limit && (load.queued > 0 || load.active >= load.slots)) {
    return { tone: 'waits', state: 'Queue full', why: 'No runs are accepted until the next one starts.' };
  }
  return { tone: 'well', state: 'Ready' };
}

/** The state of the agent, and the buttons that pause and resume it. */
export function summary(status: Status, context: PageContext): Html {
  const { load, paused } = status;
  const { tone, state, why } = headlineOf(status);
  return html`<section id="summary" class="${tone}" aria-labelledby="summary-title">
    <div role="status">
      ${heading('summary', state)} ${why === undefined ? '' : html`<p>${why}</p>`}
      <p>
        ${load.active} running, ${grouped(load.queued)} of at most ${grouped(load.limit)}
        waiting${paused ? '; no runs are accepted or started' : ''}
      </p>
    </div>
    <div class="actions">
      ${paused ? form('resume', context, html`<button class="main">Resume</button>`) : pauseForm(context)}
      ${context.token === undefined ? '' : form('show', context, html`<button>Refresh</button>`)}
    </div>
  </section>`;
}

const pauseForm = (context: PageContext) =>
  form(
    'pause',
    context,
    html`<label for="reason">Reason</label>
      <input id="reason" name="reason" maxlength="500" autocomplete="off" placeholder="maintenance" />
      <button>Pause</button>`,
  );

/** The title of the tab. */
export function titleOf(status: Status): string {
  const { active, queued } = status.load;
  const busy = active + queued > 0 ? `, ${count(active + queued, 'run')}` : '';
  return `${headlineOf(status).state}${busy} · claude-code-agent`;
}
