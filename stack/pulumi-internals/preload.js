/**
 * Loaded before Pulumi's runtime and the program, by `nodeargs` in Pulumi.yaml. It is JavaScript since the first file that is
 * not must wait for Node's remover of types; of the others, the cache has the result.
 *
 * Measured with SDK 3.250 and Node 24.21 on two cores: processor time and memory of a start that loads what `cmd/run` of the
 * SDK loads and runs the program once under its mocks, median of six. Without this file 1,090 ms and 278 MB; with the cache
 * of what is compiled 790 ms and 252 MB; without the mapping of stack traces as well 490 ms and 165 MB; with packages loaded
 * on use, too, 350 ms and 116 MB.
 * @module
 */
import module, { createRequire } from 'node:module';
import * as path from 'node:path';

// Node keeps what it compiles and finds it again the next time. What changed is compiled anew; a folder that can't be
// written to does no harm.
module.enableCompileCache(path.resolve(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'compile'));

const requireOf = createRequire(createRequire(import.meta.url).resolve('@pulumi/pulumi'));

// For functions that are stored in the state, and for its traces. This program has neither.
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
// The SDK takes a stack trace for each of its promises, and maps them to the TypeScript that it was made from. This program's
// own lines are right without.
standIn('source-map-support/register', {});

function loadOnUse(name) {
  let real;
  const load = () => {
    delete requireOf.cache[requireOf.resolve(name)];
    return requireOf(name);
  };
  standIn(name, new Proxy({}, { get: (_, key) => key === '__esModule' || (real ??= load())[key] }));
}

/** What the SDK gets in place of a package, if that is installed. */
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
