/**
 * Imported by a test file that starts real processes of the CLI: at most two of its concurrent tests run at a time, for
 * each process takes some 300 MB and most of a core while it starts.
 * @module
 */
import { vi } from 'vitest';

vi.setConfig({ maxConcurrency: 2 });
