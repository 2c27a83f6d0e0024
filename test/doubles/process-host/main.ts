/**
 * A process host in a program of its own: starts processes for the client at the other end of its stdin and stdout. When its
 * stdin ends, it kills everything that it has started, and exits.
 * @module
 */
import type { HostedProcess, ProcessCommand } from '../../../agent/claude/host.ts';
import { LocalHost } from '../../../agent/claude/local-host.ts';
import { frameOf, frameReader, type Question, type ToClient, type ToHost } from './frames.ts';

const host = new LocalHost();
const processes = new Map<number, HostedProcess>();
const say = (message: ToClient) => process.stdout.write(frameOf(message));

const read = frameReader<ToHost>();
process.stdin.on('data', (chunk: Buffer) => {
  for (const message of read(chunk)) take(message);
});
process.stdin.on('end', () => {
  const swept = [...processes.values()].map((each) => each.sweep());
  void Promise.allSettled(swept).then(() => process.exit(0));
});
// The client is gone. The end of stdin follows.
process.stdout.on('error', () => undefined);

function take(message: ToHost): void {
  switch (message.do) {
    case 'start':
      start(message.id, message.command);
      return;
    case 'write':
      processes.get(message.id)?.write(message.text);
      return;
    case 'closeStdin':
      processes.get(message.id)?.closeStdin();
      return;
    case 'signal':
      processes.get(message.id)?.signal(message.name);
      return;
    case 'ask':
      void answer(message).then(
        (value) => say({ say: 'answer', question: message.question, value }),
        (error: unknown) => say({ say: 'failure', question: message.question, error: String(error) }),
      );
  }
}

function start(id: number, command: ProcessCommand): void {
  try {
    const hosted = host.start(command, {
      stdout: (chunk) => say({ say: 'stdout', id, data: chunk.toString('base64') }),
      stderr: (chunk) => say({ say: 'stderr', id, data: chunk.toString('base64') }),
    });
    processes.set(id, hosted);
    void hosted.exit.then((exit) => say({ say: 'exit', id, exit }));
    void hosted.outputEnd.then(() => say({ say: 'outputEnd', id }));
  } catch (error) {
    say({ say: 'exit', id, exit: { startError: String(error) } });
    say({ say: 'outputEnd', id });
  }
}

async function answer(question: Question): Promise<number> {
  if (question.what === 'killLeftovers') return host.killLeftovers(question.instance);
  const hosted = processes.get(question.id);
  if (question.what === 'residentBytes') return (await hosted?.residentBytes()) ?? 0;
  await hosted?.sweep();
  processes.delete(question.id);
  return 0;
}
