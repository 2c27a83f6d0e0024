/** The names of the tools. */
export const TOOL_NAMES = ['run', 'get_run', 'list_runs', 'cancel_run'] as const;

/** The name of a tool. */
export type ToolName = (typeof TOOL_NAMES)[number];

/** What became of calls: `refused` says why to the client, `failed` is a defect of the agent. */
export const CALL_RESULTS = ['ok', 'refused', 'failed'] as const;

/** What became of a call. */
export type CallResult = (typeof CALL_RESULTS)[number];
