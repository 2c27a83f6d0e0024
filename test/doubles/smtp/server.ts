import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A running double of a mail server that accepts every mail and delivers none. */
export interface SmtpDouble extends AsyncDisposable {
  readonly port: number;
  /** Mails that were accepted, oldest first: headers and text, without the encoding of quoted-printable. */
  readonly mails: readonly string[];
}

/** Starts a double of a mail server on loopback, without TLS and without a login. */
export async function startSmtpDouble(): Promise<SmtpDouble> {
  const mails: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    converse(socket, (mail) => mails.push(mail));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function converse(socket: Socket, accept: (mail: string) => void): void {
  const say = (line: string) => socket.write(`${line}\r\n`);
  let mail: string[] | undefined;
  say('220 double');
  createInterface({ input: socket }).on('line', (line) => {
    if (mail === undefined) {
      const command = line.slice(0, 4).toUpperCase();
      if (command === 'DATA') mail = [];
      say(command === 'DATA' ? '354 go on' : command === 'QUIT' ? '221 bye' : '250 fine');
      if (command === 'QUIT') socket.end();
    } else if (line === '.') {
      accept(decoded(mail.join('\n')));
      mail = undefined;
      say('250 accepted');
    } else mail.push(line.replace(/^\./, ''));
  });
}

/** Text in quoted-printable as what it stands for. */
function decoded(text: string): string {
  return text
    .replaceAll('=\n', '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
