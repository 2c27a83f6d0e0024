import type { TestProject } from 'vitest/node';
import { RealN8n, type N8nHandle } from '../support/n8n.ts';
import { missingN8n } from '../support/n8n-home.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The n8n of all test files; undefined where none is installed. */
    readonly n8n: N8nHandle | undefined;
  }
}

/** Starts one n8n for all test files and ends it after them. */
export default async function startN8n({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (missingN8n !== undefined) {
    provide('n8n', undefined);
    return undefined;
  }
  const n8n = await RealN8n.start();
  provide('n8n', n8n.handle);
  return () => n8n[Symbol.asyncDispose]();
}
