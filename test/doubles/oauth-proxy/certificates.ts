import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const openssl = promisify(execFile);

/** A certificate authority in its own folder, and a server certificate that it signed. */
export interface Certificates extends AsyncDisposable {
  /** The authority's certificate: the value for `NODE_EXTRA_CA_CERTS`. */
  readonly caFile: string;
  /** The server's private key, PEM. */
  readonly key: string;
  /** The server's certificate, PEM. */
  readonly cert: string;
}

/** Creates an authority and a certificate for hosts, valid for a day. Needs the `openssl` program, version 3. */
export const makeCertificates = (...hosts: [string, ...string[]]): Promise<Certificates> =>
  certificatesFor(1, ...hosts);

/** The same, valid for other than one day. */
export async function certificatesFor(days: number, ...hosts: [string, ...string[]]): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'oauth-proxy-'));
  const file = (name: string) => join(folder, name);
  const request = (name: string, subject: string, extra: string[]) =>
    openssl('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', String(days)],
      ...['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`), '-subj', `/CN=${subject}`, ...extra],
    ]);
  await request('ca', 'oauth proxy double', ['-addext', 'keyUsage=critical,keyCertSign']);
  await request('server', hosts[0], [
    ...['-CA', file('ca.pem'), '-CAkey', file('ca.key')],
    ...[
      '-addext',
      `subjectAltName=${hosts.map((host) => `DNS:${host}`).join()}`,
      '-addext',
      'basicConstraints=critical,CA:FALSE',
    ],
  ]);
  return {
    caFile: file('ca.pem'),
    key: await readFile(file('server.key'), 'utf8'),
    cert: await readFile(file('server.pem'), 'utf8'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
