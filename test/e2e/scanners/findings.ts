import { execa } from 'execa';

/** What a scanner does not like. */
export interface Finding {
  readonly check: string;
  /** Kind and name: Deployment/claude-code-agent. */
  readonly object: string;
  readonly says: string;
}

interface Score {
  readonly type_meta: { readonly kind: string };
  readonly object_meta: { readonly name: string };
  readonly checks: readonly {
    readonly check: { readonly id: string; readonly name: string };
    readonly grade: number;
    readonly skipped: boolean;
    readonly comments: readonly { readonly summary: string }[] | null;
  }[];
}
const ALL_WELL = 10;

/** What kube-score finds in manifests. @throws Error with what it said where it could not read them. */
export async function kubeScore(program: string, files: readonly string[]): Promise<Finding[]> {
  const args = ['score', '--kubernetes-version', 'v1.34', '--output-format', 'json', ...files];
  const scores = JSON.parse(await outputOf(program, args)) as readonly Score[];
  return scores.flatMap(({ type_meta: { kind }, object_meta: { name }, checks }) =>
    checks
      .filter(({ grade, skipped }) => !skipped && grade < ALL_WELL)
      .map(({ check, comments }) => ({
        check: check.id,
        object: `${kind}/${name}`,
        says: [check.name, ...(comments ?? []).map(({ summary }) => summary)].join(': '),
      })),
  );
}

interface Checkov {
  readonly results: {
    readonly passed_checks: readonly unknown[];
    readonly failed_checks: readonly {
      readonly check_id: string;
      readonly check_name: string;
      readonly resource: string;
    }[];
  };
}

/** What checkov finds in a folder of manifests, without asking its maker's service for anything. */
export async function checkov(program: string, folder: string): Promise<Finding[]> {
  const args = ['--directory', folder, '--framework', 'kubernetes', '--skip-download', '--compact', '--output', 'json'];
  const { results } = JSON.parse(await outputOf(program, args)) as Checkov;
  if (results.passed_checks.length === 0) throw new Error(`checkov checked nothing in ${folder}.`);
  return results.failed_checks.map(({ check_id: check, check_name: says, resource }) => {
    // Kind.namespace.name
    const [kind = '', , ...name] = resource.split('.');
    return { check, object: `${kind}/${name.join('.')}`, says };
  });
}

interface Conform {
  readonly resources: readonly {
    readonly kind: string;
    readonly name: string;
    readonly status: string;
    readonly msg: string;
  }[];
  readonly summary: Readonly<Record<'valid' | 'invalid' | 'errors' | 'skipped', number>>;
}

/** What does not fit its schema, and how many manifests do. */
export async function kubeconform(
  program: string,
  schemas: string,
  files: readonly string[],
): Promise<{ findings: Finding[]; valid: number }> {
  const args = ['-strict', '-summary', '-output', 'json', '-schema-location', schemas, ...files];
  const { resources, summary } = JSON.parse(await outputOf(program, args)) as Conform;
  const findings = resources.map(({ kind, name, status, msg }) => ({
    check: status,
    object: `${kind}/${name}`,
    says: msg,
  }));
  return { findings, valid: summary.valid };
}

/** The exit code only says whether something was found. */
async function outputOf(program: string, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await execa(program, args, { reject: false, timeout: 180_000 });
  if (stdout.trim() === '') throw new Error(`${program} said nothing. ${stderr}`);
  return stdout;
}
