import { readFileSync } from 'node:fs';

/** Where a container finds its memory limit and what it uses: cgroup v2, and v1. */
const CGROUPS = [
  { folder: '/sys/fs/cgroup', limit: 'memory.max', used: 'memory.current', cache: /^(?:in)?active_file (\d+)$/gm },
  {
    folder: '/sys/fs/cgroup/memory',
    limit: 'memory.limit_in_bytes',
    used: 'memory.usage_in_bytes',
    cache: /^total_(?:in)?active_file (\d+)$/gm,
  },
] as const;

/**
 * Memory that more processes can use, in bytes: of the container if it has a limit, and of the machine. File cache that the
 * kernel can drop counts as available. Undefined if the system does not say (macOS).
 */
export function availableMemory(): number | undefined {
  const container = containerMemory();
  const known = [container && container.limit - container.used, onMachine()].filter((bytes) => bytes !== undefined);
  return known.length === 0 ? undefined : Math.max(0, Math.min(...known));
}

/**
 * The memory limit of the container and what it uses, in bytes, without the file cache that the kernel can drop. Without a
 * limit cgroup v1 gives one beyond any machine. Undefined if it has none that can be read.
 */
export function containerMemory(): { readonly limit: number; readonly used: number } | undefined {
  for (const { folder, ...files } of CGROUPS) {
    const [limit, used] = [Number(read(`${folder}/${files.limit}`)), Number(read(`${folder}/${files.used}`))];
    if (!Number.isFinite(limit) || !Number.isFinite(used)) continue;
    const cache = [...(read(`${folder}/memory.stat`) ?? '').matchAll(files.cache)];
    return { limit, used: cache.reduce((rest, [, bytes]) => rest - Number(bytes), used) };
  }
  return undefined;
}

function onMachine(): number | undefined {
  const [, kilobytes] = /^MemAvailable:\s+(\d+) kB$/m.exec(read('/proc/meminfo') ?? '') ?? [];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/** Undefined if there is no such file: the machine itself has no limit. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
