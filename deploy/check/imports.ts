import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runCommand } from '../embedded/run-command.ts';

type Violation = { readonly from: string; readonly to: string; readonly rule: { readonly name: string } };
type Cruise = { readonly summary: { readonly totalCruised: number; readonly violations: readonly Violation[] } };

const FOLDERS = ['packages', 'services', 'simulators', 'deploy', 'tests', 'bench'];

/** One broken rule per line: file → what it imports, which it must not. */
const PLANTED: Readonly<Record<string, readonly [file: string, imports: string]>> = {
  'services-meet-at-contracts': ['services/a/use-cases/meets.ts', '../../b/domain/rule.ts'],
  'service-tests-use-the-entrances': ['services/a/test/story.test.ts', '../../b/store/rows.ts'],
  'outsiders-use-the-entrances': ['tests/story.ts', '../services/b/store/rows.ts'],
  'packages-know-no-service': ['packages/p/knows.ts', '../../services/b/contract/face.ts'],
  'packages-know-no-deployment': ['packages/p/starts.ts', '../../deploy/launch.ts'],
  'domain-is-pure': ['services/a/domain/reads.ts', 'node:fs'],
  'store-stands-below': ['services/a/store/acts.ts', '../use-cases/act.ts'],
  'use-cases-know-no-transport': ['services/a/use-cases/answers.ts', '../routes/route.ts'],
  'transports-go-through-use-cases': ['services/a/routes/reaches.ts', '../store/rows.ts'],
  'container-only-in-app': ['services/a/use-cases/resolves.ts', '../../../packages/kit/import-manager/assemble.ts'],
  'tests-stay-tests': ['services/a/schedule/leans.ts', '../domain/rule.test.ts'],
  'no-cycles': ['packages/p/one.ts', './two.ts'],
  'imports-resolve': ['packages/p/lost.ts', './nowhere.ts'],
};

/** Rules that a type may pass: it leaves no trace at run time, so these are planted as values. */
const FOR_VALUES_ONLY = new Set(['domain-is-pure', 'transports-go-through-use-cases']);

const BYSTANDERS: readonly string[] = [
  'services/b/domain/rule.ts',
  'services/b/store/rows.ts',
  'services/b/contract/face.ts',
  'services/a/use-cases/act.ts',
  'services/a/routes/route.ts',
  'services/a/store/rows.ts',
  'services/a/domain/rule.test.ts',
  'packages/kit/import-manager/assemble.ts',
  'deploy/launch.ts',
];

/** Says which imports point the wrong way, after proof that every rule can say so. */
export async function checkImports(root: string): Promise<string[]> {
  const silent = await silentRules(root);
  const cruise = await cruiseImports(root, root, FOLDERS);
  const found = cruise.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`);
  if (cruise.summary.totalCruised === 0) found.push('No module was seen: the check is blind.');
  return [...silent, ...found];
}

/** A small tree in which every rule is broken once. */
async function silentRules(root: string): Promise<string[]> {
  // Resolved, for paths are compared: the folder for temporary files is a link on macOS.
  const tree = realpathSync(mkdtempSync(join(tmpdir(), 'tenantry-planted-')));
  try {
    const plant = (file: string, text: string): void => {
      mkdirSync(dirname(join(tree, file)), { recursive: true });
      writeFileSync(join(tree, file), text);
    };
    for (const file of BYSTANDERS) plant(file, 'export const there = 1;\n');
    // Half of the others as types only, which are imports all the same.
    for (const [index, [rule, [file, imports]]] of Object.entries(PLANTED).entries()) {
      const type = index % 2 === 0 || FOR_VALUES_ONLY.has(rule) ? '' : 'type ';
      plant(file, `import ${type}{ there } from '${imports}';\nexport type Planted = typeof there;\n`);
    }
    plant('packages/p/two.ts', "import type { Planted } from './one.ts';\nexport const there: Planted = 1;\n");
    const cruise = await cruiseImports(root, tree, ['packages', 'services', 'deploy', 'tests']);
    const spoke = new Set(cruise.summary.violations.map(({ rule, from }) => `${rule.name} ${from}`));
    return Object.entries(PLANTED)
      .filter(([rule, [file]]) => !spoke.has(`${rule} ${file}`))
      .map(([rule, [file]]) => `The rule ${rule} did not notice a planted violation in ${file}.`);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

async function cruiseImports(root: string, cwd: string, folders: readonly string[]): Promise<Cruise> {
  const program = join(root, 'node_modules', '.bin', 'depcruise');
  const config = join(root, '.dependency-cruiser.mjs');
  const ran = await runCommand(program, ['--config', config, '--output-type', 'json', ...folders], {
    cwd,
  });
  try {
    return JSON.parse(ran.stdout);
  } catch (cause) {
    throw new Error(`dependency-cruiser gave no report: ${ran.stderr || ran.stdout}`.slice(0, 2_000), { cause });
  }
}
