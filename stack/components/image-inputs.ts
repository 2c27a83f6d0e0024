import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';

/** What the image is built from, relative to the root of the repository; `.dockerignore` admits exactly the same. */
const IMAGE_INPUTS = ['agent', 'package-lock.json', 'package.json', 'watchdog'] as const;

/**
 * A tag for the image: 12 hex digits that depend only on the content of the files it is built from and on the build
 * arguments. The same on every machine.
 * @param projectDir Root of the repository.
 * @param buildArguments Everything that the build depends on, except files.
 */
export function imageTag(projectDir: string, buildArguments: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256').update(JSON.stringify(Object.entries(buildArguments).sort()));
  for (const file of ['.dockerignore', ...IMAGE_INPUTS].flatMap((input) => filesBelow(projectDir, input))) {
    const content = createHash('sha256')
      .update(fs.readFileSync(path.join(projectDir, file)))
      .digest();
    hash.update(file).update('\0').update(content);
  }
  return hash.digest('hex').slice(0, 12);
}

function filesBelow(root: string, name: string): string[] {
  if (!fs.statSync(path.join(root, name)).isDirectory()) return [name];
  return fs
    .readdirSync(path.join(root, name))
    .sort()
    .flatMap((child) => filesBelow(root, path.posix.join(name, child)));
}
