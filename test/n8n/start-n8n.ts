import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { RealN8n, type N8nHandle } from '../support/n8n.ts';
import { missingN8n } from '../support/n8n-home.ts';
import { makeCertificate, missingProxies, trustOf, type Certificate } from '../support/proxies.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The n8n of all test files; undefined where none is installed. */
    readonly n8n: N8nHandle | undefined;
    /** Of a proxy that this n8n trusts; undefined where there are no proxies. */
    readonly certificate: Certificate | undefined;
  }
}

/** Starts one n8n for all test files and ends it after them. */
export default async function startN8n({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (missingN8n !== undefined) {
    provide('n8n', undefined);
    return undefined;
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'certificate-'));
  const certificate = missingProxies === undefined ? await makeCertificate(folder) : undefined;
  const n8n = await RealN8n.start(trustOf(certificate));
  provide('n8n', n8n.handle);
  provide('certificate', certificate);
  return async () => {
    await n8n[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  };
}
