/**
 * A double of kubelogin: for a login with Azure's CLI, it returns the client certificate of the kubeconfig KUBECONFIG. The
 * CLI must be logged in according to `az.ts`; `calls.log` gets a line for each call.
 * @module
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import * as path from 'node:path';

import { parse } from 'yaml';

import { AKS_SERVER_ID } from './kubeconfig.ts';

interface User {
  readonly 'client-certificate-data'?: string;
  readonly 'client-certificate'?: string;
  readonly 'client-key-data'?: string;
  readonly 'client-key'?: string;
}

const folder = process.env['AZURE_DOUBLE_DIR'] ?? '.';
const args = process.argv.slice(2).join(' ');
appendFileSync(path.join(folder, 'calls.log'), `kubelogin ${args}\n`);
if (args === '--version') {
  console.log('kubelogin version double');
} else if (args !== `get-token --login azurecli --server-id ${AKS_SERVER_ID}`) {
  process.stderr.write(`kubelogin: '${args}' needs someone at a browser\n`);
  process.exitCode = 1;
} else if (!existsSync(path.join(folder, 'logged-in'))) {
  process.stderr.write("kubelogin: Please run 'az login' to setup account.\n");
  process.exitCode = 1;
} else {
  const { users } = parse(readFileSync(process.env['KUBECONFIG'] ?? '', 'utf8')) as { users: { user: User }[] };
  const user = users[0]?.user ?? {};
  const pem = (data: string | undefined, file: string | undefined): string =>
    data === undefined ? readFileSync(file ?? '', 'utf8') : Buffer.from(data, 'base64').toString();
  console.log(
    JSON.stringify({
      apiVersion: 'client.authentication.k8s.io/v1beta1',
      kind: 'ExecCredential',
      status: {
        clientCertificateData: pem(user['client-certificate-data'], user['client-certificate']),
        clientKeyData: pem(user['client-key-data'], user['client-key']),
      },
    }),
  );
}
