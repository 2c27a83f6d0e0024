import { readFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { makeCertificates } from '../../doubles/oauth-proxy/certificates.ts';
import type { Certificates } from '../../doubles/oauth-proxy/certificates.ts';
import { mistakesOf, read } from './read.ts';

describe('certificates of private authorities', () => {
  let made: Certificates;
  let pem: string;
  beforeAll(async () => {
    made = await makeCertificates('git.example.org');
    pem = readFileSync(made.caFile, 'utf8');
  });
  afterAll(() => made[Symbol.asyncDispose]());

  test('may be none, one or more', () => {
    expect(read().extraCertificates).toBeUndefined();
    expect(read({ extraCertificates: '\n' }).extraCertificates).toBeUndefined();
    expect(read({ extraCertificates: pem }).extraCertificates).toBe(pem);
    const both = `${pem}\n${made.cert}`;
    expect(read({ extraCertificates: both }).extraCertificates).toBe(both);
  });

  test('must be nothing else, which is not shown', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----';
    for (const wrong of ['/etc/ca.pem', made.key, `${pem}${made.key}`]) {
      const message = mistakesOf({ extraCertificates: wrong });
      expect(message).toContain('extraCertificates (not shown) must be certificates in PEM and nothing else');
      expect(message).toContain('config set extraCertificates < ca.pem');
      expect(message).not.toContain(wrong);
      expect(message).not.toContain('PRIVATE KEY');
    }
    expect(mistakesOf({ extraCertificates: `${pem}${broken}` })).toContain('certificate 2 cannot be read');
  });
});
