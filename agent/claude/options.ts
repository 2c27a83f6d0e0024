import type { PermissionMode } from '../contract.ts';

/** How `claude` is to work on a prompt. What is left out is as the agent's settings and the CLI have it. */
export interface ClaudeOptions {
  readonly model?: string;
  readonly appendSystemPrompt?: string;
  /** Tools that need no permission, as `--allowedTools` takes them: `Read`, `Bash(git log:*)`, … */
  readonly allowedTools?: readonly string[];
  readonly permissionMode?: PermissionMode;
  readonly maxTurns?: number;
  readonly maxBudgetUsd?: number;
  /** JSON Schema of the answer. */
  readonly outputSchema?: Readonly<Record<string, unknown>>;
}

/** Arguments of `claude` for these options. Free text stands behind `=`, where it cannot be taken for an option. */
export function argumentsOf(options: ClaudeOptions, defaultMode: PermissionMode): string[] {
  const { model, appendSystemPrompt, allowedTools, permissionMode, maxTurns, maxBudgetUsd, outputSchema } = options;
  return [
    ...['--permission-mode', permissionMode ?? defaultMode],
    ...(model === undefined ? [] : [`--model=${model}`]),
    ...(appendSystemPrompt === undefined ? [] : [`--append-system-prompt=${appendSystemPrompt}`]),
    ...(allowedTools ?? []).map((tool) => `--allowedTools=${tool}`),
    ...(maxTurns === undefined ? [] : ['--max-turns', String(maxTurns)]),
    ...(maxBudgetUsd === undefined ? [] : ['--max-budget-usd', String(maxBudgetUsd)]),
    ...(outputSchema === undefined ? [] : [`--json-schema=${JSON.stringify(outputSchema)}`]),
  ];
}
