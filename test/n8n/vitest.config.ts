import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/n8n/**/*.test.ts'],
    globalSetup: 'test/n8n/start-n8n.ts',
    // All files share one n8n.
    fileParallelism: false,
    testTimeout: 90_000,
    hookTimeout: 90_000,
    reporters: ['verbose', './test/support/skips.ts'],
  },
});
