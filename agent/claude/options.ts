import type { PermissionMode } from '../contract.ts';
import type { RunOptions } from '../http/api/run-request.ts';

/** What holds for a prompt that does not say otherwise. */
export interface DefaultOptions {
  readonly permissionMode: PermissionMode;
  /** Undefined: what the CLI takes. */
  readonly model: string | undefined;
}

/**
 * Arguments of `claude` for these options. Free text stands behind `=`, where it cannot be taken for an option.
 * @param resumes whether a conversation goes on: the CLI sends the system prompt that it began with, unless it is told to
 *   keep none.
 */
export function argumentsOf(options: RunOptions, defaults: DefaultOptions, resumes = false): string[] {
  const {
    model = defaults.model,
    permissionMode = defaults.permissionMode,
    systemPrompt,
    appendSystemPrompt,
  } = options;
  const { fallbackModel, effort, allowedTools, disallowedTools, maxTurns, maxBudgetUsd, outputSchema } = options;
  const asksForPrompt = systemPrompt !== undefined || appendSystemPrompt !== undefined;
  return [
    ...['--permission-mode', permissionMode],
    ...(model === undefined ? [] : [`--model=${model}`]),
    ...(fallbackModel === undefined ? [] : [`--fallback-model=${fallbackModel}`]),
    ...(effort === undefined ? [] : ['--effort', effort]),
    ...(systemPrompt === undefined ? [] : [`--system-prompt=${systemPrompt}`]),
    ...(appendSystemPrompt === undefined ? [] : [`--append-system-prompt=${appendSystemPrompt}`]),
    ...(resumes && asksForPrompt ? ['--system-prompt-snapshot', 'off'] : []),
    ...(allowedTools ?? []).map((tool) => `--allowedTools=${tool}`),
    ...(disallowedTools ?? []).map((tool) => `--disallowedTools=${tool}`),
    ...(maxTurns === undefined ? [] : ['--max-turns', String(maxTurns)]),
    ...(maxBudgetUsd === undefined ? [] : ['--max-budget-usd', String(maxBudgetUsd)]),
    ...(outputSchema === undefined ? [] : [`--json-schema=${JSON.stringify(outputSchema)}`]),
  ];
}
