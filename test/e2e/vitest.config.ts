import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    setupFiles: ['./test/e2e/setup.ts'],
    fileParallelism: false,
    // Each test goes on from where the one before it ended.
    bail: 1,
    testTimeout: 240_000,
    hookTimeout: 240_000,
    reporters: ['verbose', './test/support/skips.ts'],
  },
});
