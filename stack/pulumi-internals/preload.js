/**
 * Loaded before Pulumi's runtime and the program, by `nodeargs` in Pulumi.yaml. It is JavaScript because the first TypeScript
 * file would have to wait until Node has loaded its type stripper; for later files, the compile cache has the result.
 *
 * Measured with SDK 3.250 and Node 24.21 on two cores: CPU time and memory of a start that loads what `cmd/run` of the SDK
 * loads and runs the program once with its mocks, median of six. Without this file: 1,090 ms and 278 MB. With the compile
 * cache: 790 ms and 252 MB. Also without source maps for stack traces: 490 ms and 165 MB. Also with packages loaded on
 * demand: 350 ms and 116 MB.
 * @module
 */
import module, { createRequire } from 'node:module';
import * as path from 'node:path';

// Node stores compiled code here and reuses it at the next start. Changed files are compiled again. A read-only folder does no
// harm.
module.enableCompileCache(path.resolve(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'compile'));

const requireOf = createRequire(createRequire(import.meta.url).resolve('@pulumi/pulumi'));

// The SDK needs these for functions in the state and for its own traces. This program uses neither.
for (const name of [
  'typescript',
  '@npmcli/arborist',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace-base',
  '@opentelemetry/sdk-trace-node',
  '@opentelemetry/exporter-zipkin',
  '@opentelemetry/instrumentation',
  '@opentelemetry/instrumentation-grpc',
]) {
  loadOnUse(name);
}
// The SDK captures a stack trace for each of its promises and maps it to its TypeScript sources. The lines of this program are
// correct without that.
standIn('source-map-support/register', {});

function loadOnUse(name) {
  let real;
  const load = () => {
    delete requireOf.cache[requireOf.resolve(name)];
    return requireOf(name);
  };
  standIn(name, new Proxy({}, { get: (_, key) => key === '__esModule' || (real ??= load())[key] }));
}

/** Replaces a package for the SDK, if it is installed. */
function standIn(name, exports) {
  let file;
  try {
    file = requireOf.resolve(name);
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    return;
  }
  requireOf.cache[file] = Object.assign(new module.Module(file), { filename: file, exports, loaded: true });
}
