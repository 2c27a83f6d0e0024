import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { z } from 'zod';
import type { Outcome } from '../../contract.ts';
import { LOGIN_CODE_CHARS } from '../api/login.ts';
import { lane } from '../api/run-request.ts';
import { SEARCH_CHARS } from '../page/filter.ts';
import { OUTCOME_WORDS } from '../page/words.ts';
import { tokenOf } from '../bearer.ts';
import { bodyWithin } from '../request/json-body.ts';

/** The maximum size of a form in bytes. Its longest field has 4096 characters. */
export const FORM_BYTES = 16_384;

const FORM_TYPE = 'application/x-www-form-urlencoded';

const outcomes = Object.keys(OUTCOME_WORDS) as [Outcome, ...Outcome[]];
const words = z.string().trim().min(1).max(SEARCH_CHARS).optional().catch(undefined);

/** What a form asks for: of runs, decisions and logins. */
const RUN_ACTIONS = ['show', 'download', 'pause', 'resume', 'cancel'] as const;
const DECISION_ACTIONS = ['allow', 'deny', 'answer'] as const;
const LOGIN_ACTIONS = ['start-login', 'send-code', 'cancel-login'] as const;
const ACTIONS = [...RUN_ACTIONS, ...DECISION_ACTIONS, ...LOGIN_ACTIONS] as const;

const fields = z.object({
  token: z.string().optional(),
  action: z.enum(ACTIONS).catch('show'),
  id: z.string().catch(''),
  run: z.string().min(1).max(100).optional().catch(undefined),
  file: z.string().catch(''),
  way: z.enum(['given', 'left']).catch('left'),
  decision: z.string().catch(''),
  reason: z.string().trim().min(1).max(500).optional().catch(undefined),
  code: z.string().max(LOGIN_CODE_CHARS).catch(''),
  replace: z
    .literal('yes')
    .transform(() => true)
    .catch(false),
  outcome: z.enum(outcomes).optional().catch(undefined),
  workflow: words,
  lane: lane.optional().catch(undefined),
  caller: words,
  text: words,
  before: z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER).optional().catch(undefined),
});

/** The fields of a form of the page. Missing and invalid ones are left out. */
export type PageForm = z.output<typeof fields>;

/** What {@link smallForm} needs. */
export interface FormAnswers {
  /** Recognizes a token. */
  readonly isKnown: (token: string) => boolean;
  /** Responds with the status and a message. */
  readonly refuse: (c: Context, status: 413 | 415, why: string) => Response | Promise<Response>;
  /** Responds to a form without a valid token. */
  readonly refuseToken: (c: Context, token: string | undefined) => Response | Promise<Response>;
}

/**
 * Lets forms pass that may have a known token. A token in the header is checked before the body is read; one in a field
 * needs a small form.
 */
export function smallForm({ isKnown, refuse, refuseToken }: FormAnswers) {
  const tokenFirst = createMiddleware(async (c, next) => {
    const token = tokenOf(c);
    if (token === undefined ? !isForm(c) : !isKnown(token)) return refuseToken(c, token);
    return isForm(c) ? next() : refuse(c, 415, `Forms of this page must be sent as ${FORM_TYPE}.`);
  });
  const within = bodyWithin(FORM_BYTES, (c) => {
    c.header('Connection', 'close');
    return refuse(c, 413, `A form of this page has at most ${FORM_BYTES} bytes.`);
  });
  return [tokenFirst, within] as const;
}

/** Parses a form that {@link smallForm} let pass; `all` has its fields as they were sent. */
export async function readForm(c: Context): Promise<{ readonly form: PageForm; readonly all: URLSearchParams }> {
  const all = new URLSearchParams(await c.req.text());
  return { form: fields.parse(Object.fromEntries(all)), all };
}

/** A request without a body has no type and counts as a form. */
function isForm(c: Context): boolean {
  const type = c.req.header('Content-Type') ?? FORM_TYPE;
  return type.split(';')[0]?.trim().toLowerCase() === FORM_TYPE;
}
