import { readFileSync } from 'node:fs';

/** The memory limit of the container (cgroup v2), and what it uses. */
const CGROUP = '/sys/fs/cgroup';

/**
 * Memory that more processes can use, in bytes: of the container if it has a limit, and of the machine. File cache that the
 * kernel can drop counts as available. Undefined if the system does not say (macOS).
 */
export function availableMemory(): number | undefined {
  const known = [inContainer(), onMachine()].filter((bytes) => bytes !== undefined);
  return known.length === 0 ? undefined : Math.max(0, Math.min(...known));
}

function inContainer(): number | undefined {
  const [limit, used] = [Number(read(`${CGROUP}/memory.max`)), Number(read(`${CGROUP}/memory.current`))];
  if (!Number.isFinite(limit) || !Number.isFinite(used)) return undefined;
  const [, cache = '0'] = /^inactive_file (\d+)$/m.exec(read(`${CGROUP}/memory.stat`) ?? '') ?? [];
  return limit - used + Number(cache);
}

function onMachine(): number | undefined {
  const [, kilobytes] = /^MemAvailable:\s+(\d+) kB$/m.exec(read('/proc/meminfo') ?? '') ?? [];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/** Undefined if there is no such file: the machine itself has no limit, and older kernels have other files. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
