import { once } from 'node:events';

import { execa } from 'execa';

/**
 * Is a network of its own, and says so. Told its addresses and ports, it answers every connection, and every datagram to
 * port 53 with itself, until its input ends; it says when it listens. A reply by UDP has the address that was asked only
 * where the socket has it.
 */
const LISTEN = `
const [net, dgram] = [require('node:net'), require('node:dgram')];
const listening = ({ addresses, ports }) => [
  ...ports.map((port) => new Promise((resolve) => {
    net.createServer((socket) => socket.on('error', () => {}).end()).listen(port, '0.0.0.0', resolve);
  })),
  ...addresses.map((address) => new Promise((resolve) => {
    const echo = dgram.createSocket('udp4');
    echo.on('message', (message, from) => echo.send(message, from.port, from.address)).bind(53, address, resolve);
  })),
];
process.stdin.on('end', () => process.exit()).once('data', async (told) => {
  await Promise.all(listening(JSON.parse(told)));
  console.log('listening');
});
console.log('here');
`;

/** Both ends of the link (RFC 2544), and the names of its interfaces. */
const LINK = { here: '198.18.0.1', there: '198.18.0.2', interface: 'e2e-outside', peer: 'e2e-peer' } as const;

/**
 * Gives addresses outside of the cluster somebody who answers, in a network of its own on this machine, which is the
 * cluster's node. It goes with the process that listens there; the routes to it go with its interface.
 * @param bridge The interface of the node that pods are on.
 * @returns What takes it away.
 */
export async function startOutside(
  addresses: readonly string[],
  ports: readonly number[],
  bridge: string,
): Promise<() => Promise<void>> {
  const listener = execa('unshare', ['--net', process.execPath, '-e', LISTEN], { stdin: 'pipe', reject: false });
  const itSpeaks = () =>
    Promise.race([
      once(listener.stdout, 'data'),
      listener.then(({ stderr }) => Promise.reject(new Error(`Nothing listens outside: ${stderr}`))),
    ]);
  const ways = [
    ['FORWARD', '-i', bridge, '-o', LINK.interface, '-j', 'ACCEPT'],
    ['FORWARD', '-i', LINK.interface, '-o', bridge, '-j', 'ACCEPT'],
  ];
  const stop = async (): Promise<void> => {
    listener.stdin.end();
    await listener;
    await execa('ip', ['link', 'delete', LINK.interface], { reject: false });
    for (const way of ways) await execa('iptables', ['-D', ...way], { reject: false });
  };
  try {
    await itSpeaks();
    await connect(listener.pid ?? 0, addresses);
    listener.stdin.write(JSON.stringify({ addresses, ports }));
    await itSpeaks();
    for (const way of ways) await execa('iptables', ['-A', ...way]);
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

async function connect(pid: number, addresses: readonly string[]): Promise<void> {
  const here = (...args: string[]) => execa('ip', args);
  const there = (...args: string[]) => execa('nsenter', ['--target', String(pid), '--net', 'ip', ...args]);
  await here('link', 'add', LINK.interface, 'type', 'veth', 'peer', 'name', LINK.peer, 'netns', String(pid));
  await here('address', 'add', `${LINK.here}/30`, 'dev', LINK.interface);
  await here('link', 'set', LINK.interface, 'up');
  await there('address', 'add', `${LINK.there}/30`, 'dev', LINK.peer);
  await there('link', 'set', LINK.peer, 'up');
  await there('link', 'set', 'lo', 'up');
  await there('route', 'add', 'default', 'via', LINK.here);
  for (const address of addresses) {
    await there('address', 'add', `${address}/32`, 'dev', 'lo');
    await here('route', 'add', `${address}/32`, 'via', LINK.there);
  }
}
