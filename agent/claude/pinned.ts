import { fileURLToPath } from 'node:url';

/** The executable of the pinned `@anthropic-ai/claude-code`. */
export const PINNED_CLAUDE = fileURLToPath(import.meta.resolve('@anthropic-ai/claude-code/bin/claude.exe'));
