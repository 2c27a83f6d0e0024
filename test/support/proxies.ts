import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe } from 'vitest';
import { until } from './agent.ts';
import { closedPort } from './closed-port.ts';
import { needs } from './needs.ts';
import { findTool } from './tools.ts';
import { trust } from './trust.ts';

/** The host name in the sample configurations. */
export const PUBLIC_HOST = 'claude.example.org';

const SAMPLES = path.join(import.meta.dirname, '..', '..', 'docs', 'reach');
const run = promisify(execFile);

const [nginx, haproxy, openssl] = await Promise.all([findTool('nginx'), findTool('haproxy'), findTool('openssl')]);

/** Why tests with proxies are skipped; undefined if all programs are here. */
export const missingProxies = [nginx, haproxy, openssl].flatMap((tool) => ('missing' in tool ? [tool.missing] : []))[0];

const programOf = (tool: typeof nginx): string => {
  if ('missing' in tool) throw new Error(tool.missing);
  return tool.program;
};

/** A certificate for {@link PUBLIC_HOST} and this machine, signed by itself. */
export interface Certificate {
  /** The certificate in PEM. */
  readonly pem: string;
  readonly file: string;
  readonly keyFile: string;
  /** Certificate and key in one file. */
  readonly bothFile: string;
  /** SHA-256 of its public key in base64, for `--ignore-certificate-errors-spki-list` of Chromium. */
  readonly spki: string;
}

/** Makes a certificate in a folder. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const [file, keyFile, bothFile] = ['tls.crt', 'tls.key', 'tls.pem'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  const names = `subjectAltName=DNS:${PUBLIC_HOST},DNS:localhost,IP:127.0.0.1`;
  const how = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const what = ['-subj', `/CN=${PUBLIC_HOST}`, '-addext', names, '-keyout', keyFile, '-out', file];
  await run(programOf(openssl), [...how, ...what]);
  const pem = readFileSync(file, 'utf8');
  writeFileSync(bothFile, pem + readFileSync(keyFile, 'utf8'), { mode: 0o600 });
  const publicKey = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
  return { pem, file, keyFile, bothFile, spki: createHash('sha256').update(publicKey).digest('base64') };
}

/** A certificate that this process trusts, `fetch` included. Disposing ends that and removes its files. */
export async function trustedCertificate(): Promise<Certificate & Disposable> {
  const folder = mkdtempSync(path.join(tmpdir(), 'certificate-'));
  const certificate = await makeCertificate(folder);
  const trusted = trust(certificate.pem);
  return {
    ...certificate,
    [Symbol.dispose]() {
      trusted[Symbol.dispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The environment of a Node.js program that trusts a certificate, if there is one. */
export function trustOf(certificate: Certificate | undefined): Readonly<Record<string, string>> {
  return certificate ? { NODE_EXTRA_CA_CERTS: certificate.file } : {};
}

/** Tests that need the proxies. @param tests declares them; the certificate is there, and trusted, when they run. */
export function behindProxies(tests: (certificate: () => Certificate) => void): void {
  describe('behind real proxies', needs(missingProxies), () => {
    let certificate: Certificate & Disposable;
    beforeAll(async () => {
      certificate = await trustedCertificate();
    });
    afterAll(() => certificate[Symbol.dispose]());

    tests(() => certificate);
  });
}

/** What a proxy is started with. */
export interface ProxyOptions {
  /** The URL of the agent, or of the next proxy. */
  readonly target: string;
  readonly certificate: Certificate;
  /** Text of the sample, and what replaces it. */
  readonly changes?: Readonly<Record<string, string>>;
}

/** nginx or HAProxy on this machine, with TLS, as docs/reach configures it. Disposing ends it. */
export class Proxy implements AsyncDisposable {
  /** An https URL of this machine. */
  readonly url: string;
  /** The port without TLS. */
  readonly plainUrl: string;
  /** The configuration it runs with. */
  readonly configuration: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #output: string[];

  private constructor(parts: {
    url: string;
    plainUrl: string;
    configuration: string;
    child: ChildProcess;
    folder: string;
    output: string[];
  }) {
    ({ url: this.url, plainUrl: this.plainUrl, configuration: this.configuration } = parts);
    ({ child: this.#child, folder: this.#folder, output: this.#output } = parts);
  }

  /** Starts the nginx of Debian. */
  static nginx({ target, certificate, changes = {} }: ProxyOptions): Promise<Proxy> {
    return Proxy.#start('nginx.conf', (tls, plain) => ({
      'listen 80;': `listen 127.0.0.1:${plain};`,
      'listen 443 ssl http2;': `listen 127.0.0.1:${tls} ssl http2;`,
      '    listen [::]:443 ssl http2;\n': '',
      '127.0.0.1:3000': new URL(target).host,
      '/etc/ssl/claude.example.org.crt': certificate.file,
      '/etc/ssl/private/claude.example.org.key': certificate.keyFile,
      ...changes,
    }));
  }

  /** Starts the HAProxy of Debian. */
  static haproxy({ target, certificate, changes = {} }: ProxyOptions): Promise<Proxy> {
    return Proxy.#start('haproxy.cfg', (tls, plain) => ({
      'bind :80\n': `bind 127.0.0.1:${plain}\n`,
      'bind :443 ': `bind 127.0.0.1:${tls} `,
      '127.0.0.1:3000': new URL(target).host,
      '/etc/haproxy/claude.example.org.pem': certificate.bothFile,
      ...changes,
    }));
  }

  static async #start(
    sample: 'nginx.conf' | 'haproxy.cfg',
    changesFor: (tls: string, plain: string) => Readonly<Record<string, string>>,
  ): Promise<Proxy> {
    const folder = mkdtempSync(path.join(tmpdir(), 'proxy-'));
    const [tls, plain] = [new URL(await closedPort()).port, new URL(await closedPort()).port];
    const configuration = changed(readFileSync(path.join(SAMPLES, sample), 'utf8'), changesFor(tls, plain));
    const file = path.join(folder, sample);
    writeFileSync(file, configuration);
    const output: string[] = [];
    const [program, args] =
      sample === 'nginx.conf'
        ? [programOf(nginx), nginxArguments(folder, file)]
        : [programOf(haproxy), ['-db', '-f', file]];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => output.push(data.toString()));
    const started = { url: `https://127.0.0.1:${tls}`, plainUrl: `http://127.0.0.1:${plain}` };
    const proxy = new Proxy({ ...started, configuration, child, folder, output });
    await until(() => {
      if (child.exitCode !== null) throw new Error(`${program} ended: ${output.join('')}`);
      return answers(Number(tls));
    }, `${program} listening`);
    return proxy;
  }

  /** What it has written. */
  get output(): string {
    return this.#output.join('');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
    rmSync(this.#folder, { recursive: true });
  }
}

/** A file for `conf.d` is part of the `http` block of nginx's own configuration. */
function nginxArguments(folder: string, file: string): string[] {
  const main = path.join(folder, 'main.conf');
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  writeFileSync(
    main,
    `${user}pid ${folder}/pid;\nerror_log stderr info;\ndaemon off;\nevents {}\nhttp {\n  access_log off;\n  ${places.join('\n  ')}\n  include ${file};\n}\n`,
  );
  return ['-p', folder, '-e', 'stderr', '-c', main];
}

/** Replaces each text, which must be there. */
function changed(sample: string, changes: Readonly<Record<string, string>>): string {
  return Object.entries(changes).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`The sample has no ${JSON.stringify(from)}.`);
    return text.replaceAll(from, to);
  }, sample);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
