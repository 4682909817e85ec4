import { ROW_GROUPS, type RowGroup } from './rows.ts';
import { openStand, type Stand } from './stand.ts';
import { printTable, type Row } from './table.ts';

/**
 * `npm run bench`: everything. `npm run bench -- gateway events`: the groups whose names begin so. Systems of their own on
 * fresh data, every ratio against something of the same run.
 */
function chosen(names: readonly string[]): readonly RowGroup[] {
  const groups = ROW_GROUPS.filter(({ name }) => names.length === 0 || names.some((each) => name.startsWith(each)));
  if (groups.length > 0) return groups;
  console.error(
    `No rows are called ${names.join(' or ')}. There are: ${ROW_GROUPS.map(({ name }) => name).join(', ')}.`,
  );
  process.exit(1);
}

async function measure(group: RowGroup, stand: Stand | null): Promise<Row[]> {
  const startedMs = performance.now();
  if (group.needs === 'system' && stand === null) throw new Error(`${group.name} needs a system.`);
  const rows = group.needs === 'nothing' ? await group.measure() : stand === null ? [] : await group.measure(stand);
  console.log(`${group.name}: ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
  return rows;
}

const groups = chosen(process.argv.slice(2));
const rows: Row[] = [];
for (const group of groups.filter(({ needs }) => needs === 'nothing')) rows.push(...(await measure(group, null)));
const onSystem = groups.filter(({ needs }) => needs === 'system');
if (onSystem.length > 0) {
  const stand = await openStand();
  try {
    for (const group of onSystem) rows.push(...(await measure(group, stand)));
    console.log('Resident memory, MB:');
    for (const { name, residentMb } of stand.memory())
      console.log(`  ${name.padEnd(14)} ${String(residentMb).padStart(5)}`);
  } finally {
    await stand.close();
  }
}
printTable(rows);
