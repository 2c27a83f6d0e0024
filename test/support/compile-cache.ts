import path from 'node:path';

/**
 * For the environment of Node.js processes that tests start: Node caches compiled code, which halves the start time of our
 * programs. See `module.enableCompileCache` of Node.js.
 */
export const COMPILE_CACHE = {
  NODE_COMPILE_CACHE: path.resolve(import.meta.dirname, '../../node_modules/.cache/test-compile'),
} as const;
