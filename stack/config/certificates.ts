import { X509Certificate } from 'node:crypto';

import { npmRun } from '../next-command.ts';
import type { ConfigReader } from './reader.ts';

const KEY = 'extraCertificates';
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of private authorities in PEM; undefined if there are none. A wrong value, maybe a private key, is not shown. */
export function readCertificates(read: ConfigReader): string | undefined {
  const pem = read.text(KEY, () => true, '');
  if (pem.trim() === '') return undefined;
  const certificates = pem.match(CERTIFICATE) ?? [];
  const rest = pem.replaceAll(CERTIFICATE, '').trim();
  if (certificates.length === 0 || rest !== '') {
    const command = npmRun('pulumi', `config set ${KEY} < ca.pem`);
    read.mistake(
      `${KEY} (not shown) must be certificates in PEM and nothing else. Set them from a file: \`${command}\`.`,
    );
  }
  for (const [index, certificate] of certificates.entries()) {
    if (!isCertificate(certificate)) read.mistake(`${KEY} (not shown): certificate ${index + 1} cannot be read.`);
  }
  return pem;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
