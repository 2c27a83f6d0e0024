import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

/** A part of the tests: `vitest run --project agent`, or `npm run test:agent`. */
const part = (name: string, ...include: string[]): TestProjectInlineConfiguration => ({
  extends: true,
  test: { name, include, exclude: ['**/*.hard.test.ts'] },
});

export default defineConfig({
  test: {
    projects: [
      part('agent', 'test/agent/**/*.test.ts', 'test/doubles/**/*.test.ts'),
      part('watchdog', 'test/watchdog/**/*.test.ts'),
      part('stack', 'test/stack/**/*.test.ts', 'test/policy/**/*.test.ts'),
      part('docs', 'test/docs/**/*.test.ts'),
      part('contract', 'test/contract/**/*.test.ts'),
      {
        extends: true,
        test: { name: 'hard', include: ['test/**/*.hard.test.ts'], env: { TEST_LANE: 'hard' }, testTimeout: 120_000 },
      },
    ],
    // Most tests wait for a process of their own, so four workers keep two cores busy.
    maxWorkers: 4,
    // The files restore what they change in the environment and the clock, and new processes for each cost half a minute.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: './test/support/temporary-folder.ts',
    reporters: ['default', './test/support/skips.ts'],
  },
});
