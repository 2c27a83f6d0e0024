import type { PermissionMode } from '../contract.ts';
import type { RunOptions } from '../http/api/run-request.ts';

/** Defaults for prompts that do not set these options. */
export interface DefaultOptions {
  readonly permissionMode: PermissionMode;
  /** Undefined for the CLI's default. */
  readonly model: string | undefined;
}

/**
 * The arguments of `claude` for these options. Free text follows `=`, so that it is never parsed as an option.
 * @param resumes whether the prompt continues a conversation. The CLI then sends the conversation's first system prompt,
 *   unless it is told not to keep it.
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
