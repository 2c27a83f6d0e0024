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
  const known = [container && container.limit - container.used(), onMachine()].filter((bytes) => bytes !== undefined);
  return known.length === 0 ? undefined : Math.max(0, Math.min(...known));
}

/** A container that has a memory limit; all in bytes. */
export interface ContainerMemory {
  /** Without a limit, cgroup v1 gives one beyond any machine. */
  readonly limit: number;
  /** What it uses, without the file cache that the kernel can drop. */
  used(): number;
  /** Whether it uses at least this much. Reads only one small file while it does not. */
  uses(bytes: number): boolean;
}

/** The memory of this container; undefined if it has no limit that can be read. */
export function containerMemory(): ContainerMemory | undefined {
  for (const { folder, ...files } of CGROUPS) {
    const withCache = () => Number(read(`${folder}/${files.used}`));
    const limit = Number(read(`${folder}/${files.limit}`));
    if (!Number.isFinite(limit) || !Number.isFinite(withCache())) continue;
    const used = () => {
      const cache = [...(read(`${folder}/memory.stat`) ?? '').matchAll(files.cache)];
      return cache.reduce((rest, [, bytes]) => rest - Number(bytes), withCache());
    };
    return { limit, used, uses: (bytes) => withCache() >= bytes && used() >= bytes };
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
