import type { Reporter, TestModule, Vitest } from 'vitest/node';

import './needs.ts';

/** Lists at the end of a run which tests were skipped and why. A test skipped without a reason fails the run. */
export default class SkipReporter implements Reporter {
  #isFiltered = false;

  onInit({ config }: Vitest): void {
    this.#isFiltered = config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    if (this.#isFiltered) return;
    const byReason = new Map<string | undefined, string[]>();
    for (const testModule of modules) {
      for (const test of testModule.children.allTests('skipped')) {
        const result = test.result();
        const reason = test.meta().skipped ?? (result.state === 'skipped' ? result.note : undefined);
        const titles = byReason.get(reason) ?? [];
        titles.push(`${testModule.relativeModuleId}: ${test.fullName}`);
        byReason.set(reason, titles);
      }
    }
    for (const [reason = 'NO REASON GIVEN (use test/support/needs.ts)', titles] of byReason) {
      console.log(`Skipped ${titles.length}: ${reason}\n${titles.map((title) => `  ${title}`).join('\n')}`);
    }
    if (byReason.has(undefined)) process.exitCode = 1;
  }
}
