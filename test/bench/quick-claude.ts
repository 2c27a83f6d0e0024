import path from 'node:path';

/** A `claude` in a few lines of shell: it starts in a millisecond, where Node.js takes fifty. */
export const QUICK_CLAUDE = path.join(import.meta.dirname, 'quick-claude.sh');
