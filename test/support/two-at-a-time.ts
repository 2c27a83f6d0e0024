/**
 * Imported by test files that start real processes of the CLI: at most two of their concurrent tests run at a time, because
 * each process takes about 300 MB and most of a core while it starts.
 * @module
 */
import { vi } from 'vitest';

vi.setConfig({ maxConcurrency: 2 });
