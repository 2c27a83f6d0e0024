/**
 * A double of Azure's CLI. In the folder AZURE_DOUBLE_DIR, `logged-in` lists the subscriptions that the operator can use,
 * one per line, and `calls.log` gets a line for each call.
 * @module
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseArgs } from 'node:util';

const folder = process.env['AZURE_DOUBLE_DIR'] ?? '.';
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    subscription: { type: 'string' },
    name: { type: 'string' },
    query: { type: 'string' },
    output: { type: 'string' },
  },
});
const command = positionals.join(' ');
appendFileSync(path.join(folder, 'calls.log'), `az ${process.argv.slice(2).join(' ')}\n`);

function fail(message: string): never {
  process.stderr.write(`ERROR: ${message}\n`);
  process.exit(1);
}

const logins = path.join(folder, 'logged-in');
if (!existsSync(logins)) fail("Please run 'az login' to setup account.");
if (values.subscription !== undefined && !readFileSync(logins, 'utf8').split('\n').includes(values.subscription)) {
  fail(`The subscription of '${values.subscription}' doesn't exist in cloud 'AzureCloud'.`);
}
if (command === 'account get-access-token') {
  const token = { accessToken: 'canary-azure-token', expiresOn: '2099-01-01 00:00:00.000000' };
  console.log(values.query === 'expiresOn' ? token.expiresOn : JSON.stringify(token));
} else if (command === 'acr login') {
  const file = path.join(process.env['DOCKER_CONFIG'] ?? path.join(os.homedir(), '.docker'), 'config.json');
  const config = (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}) as { auths?: object };
  const auth = Buffer.from('00000000-0000-0000-0000-000000000000:canary-acr-token').toString('base64');
  const server = process.env['AZURE_DOUBLE_LOGIN_SERVER'] ?? '';
  writeFileSync(file, JSON.stringify({ ...config, auths: { ...config.auths, [server]: { auth } } }));
  console.log('Login Succeeded');
} else {
  fail(`'${command}' is misspelled or not recognized by the system.`);
}
