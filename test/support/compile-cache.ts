import path from 'node:path';

/**
 * For the environment of a Node.js process that a test starts: what Node compiled once it finds again, which halves the
 * start of our programs. See `module.enableCompileCache` of Node.js.
 */
export const COMPILE_CACHE = {
  NODE_COMPILE_CACHE: path.resolve(import.meta.dirname, '../../node_modules/.cache/test-compile'),
} as const;
