import type { Examination, Examined } from './examine.ts';
import { listSettings } from './settings.ts';
import { showValue } from './show-value.ts';

/** The effective configuration as a table; of secrets only whether they are there. */
export function renderConfiguration({ program, schema }: Examined, { value, sources }: Examination): string {
  const rows = listSettings(schema).map(({ name, secrecy, description }) => [
    name,
    showValue(value[name], secrecy),
    sources.get(name) ?? 'default',
    description,
  ]);
  const table = [['name', 'value', 'source', 'description'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `Configuration of ${program}: defaults < file (TENANTRY_CONFIG_FILE) < environment\n\n${lines.join('\n')}\n`;
}
