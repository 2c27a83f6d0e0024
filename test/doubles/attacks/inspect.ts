/**
 * Tries to read, change and take over the runner and PID 1: by their files in /proc, by ptrace and its relatives, and by the
 * inspector of Node. What it tries on processes it also tries on one of its own, where it must succeed.
 * @module
 */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { attempt, report } from './finding.ts';
import { INIT, runner } from './processes.ts';

const READ = ['environ', 'maps', 'auxv', 'stack', 'syscall'];
const OPEN = [
  ['mem', constants.O_RDONLY],
  ['mem', constants.O_RDWR],
  ['oom_score_adj', constants.O_WRONLY],
  ['clear_refs', constants.O_WRONLY],
  ['coredump_filter', constants.O_WRONLY],
] as const;
const LINKS = ['exe', 'cwd', 'root'];
const INSPECTOR = 'http://127.0.0.1:9229/json/list';
const LOOKS = 5;
const LOOK_MS = 30;
/** Something else may listen there, which never answers. */
const ANSWER_MS = 500;

/** Prints a line for each system call: its name, and 0 or the number of its error. */
const SYSTEM_CALLS = `
  my ($pid, $arch) = ($ARGV[0] + 0, $ARGV[1]);
  my $arm = $arch eq 'arm64';
  my $buffer = "\\0" x 8;
  my $vector = pack 'J J', unpack('J', pack('P', $buffer)), 8;
  my %calls = (
    'ptrace attach' => [$arm ? 117 : 101, 16, $pid, 0, 0],
    'process_vm_readv' => [$arm ? 270 : 310, $pid, $vector, 1, $vector, 1, 0],
    'process_vm_writev' => [$arm ? 271 : 311, $pid, $vector, 1, $vector, 1, 0],
  );
  for my $name (sort keys %calls) {
    my ($number, @arguments) = @{ $calls{$name} };
    $! = 0; syscall($number, @arguments); print "$name ", $! + 0, "\\n";
  }
  my $descriptor = syscall(434, $pid, 0);
  $! = 0; syscall(438, $descriptor, 1, 0); print "pidfd_getfd ", $! + 0, "\\n";
`;
const EPERM = 1;
const EACCES = 13;
const ENOSYS = 38;

const child = spawn('sleep', ['60'], { stdio: 'ignore' });
tryAll('its own process', child.pid ?? 0);
child.kill('SIGKILL');
tryAll('PID 1', INIT);
tryAll('the runner', runner());

for (const [name, pid] of [
  ['PID 1', INIT],
  ['the runner', runner()],
] as const) {
  process.kill(pid, 'SIGUSR1');
  let answer: unknown;
  for (let look = 0; look < LOOKS && answer === undefined; look += 1) {
    await sleep(LOOK_MS);
    answer = await fetch(INSPECTOR, { signal: AbortSignal.timeout(ANSWER_MS) }).then(
      (response) => response.text(),
      () => undefined,
    );
  }
  report(`the inspector of ${name}`, answer === undefined ? 'blocked' : 'found', answer ?? 'nothing listens');
}

function tryAll(name: string, pid: number): void {
  const file = (entry: string) => `/proc/${pid}/${entry}`;
  for (const entry of READ) attempt(`${entry} of ${name}`, () => `${readFileSync(file(entry)).length} bytes`);
  for (const [entry, flags] of OPEN)
    attempt(`${entry} of ${name}, opened with ${flags}`, () => closeSync(openSync(file(entry), flags)));
  for (const entry of LINKS) attempt(`${entry} of ${name}`, () => readlinkSync(file(entry)));
  attempt(`descriptors of ${name}`, () => readdirSync(file('fd')).length);
  const lines = execFileSync('perl', ['-e', SYSTEM_CALLS, String(pid), process.arch], { encoding: 'utf8' });
  for (const line of lines.trim().split('\n')) {
    const [, call = '', number = ''] = /^(.*) (\d+)$/.exec(line) ?? [];
    const isRefused = [EPERM, EACCES, ENOSYS].includes(Number(number));
    report(`${call} of ${name}`, isRefused ? 'blocked' : 'found', `error ${number}`);
  }
}
