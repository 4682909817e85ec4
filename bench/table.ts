export type Row = {
  readonly what: string;
  readonly p50: string;
  readonly p99: string;
  /** Against something measured in the same run. */
  readonly ratio: string;
  /** Of requirements.md, at p99. */
  readonly budget: string;
};

export const ms = (value: number): string => (value < 10 ? value.toFixed(2) : value.toFixed(0));

export function printTable(rows: readonly Row[]): void {
  const columns = ['what', 'p50', 'p99', 'ratio', 'budget'] as const;
  const heads: Row = { what: 'What', p50: 'p50 ms', p99: 'p99 ms', ratio: 'Ratio', budget: 'Budget (p99)' };
  const widths = columns.map((column) => Math.max(...[heads, ...rows].map((row) => row[column].length)));
  const line = (row: Row): string =>
    `| ${columns.map((column, index) => row[column].padEnd(widths[index] ?? 0)).join(' | ')} |`;
  console.log(line(heads));
  console.log(`| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  for (const row of rows) console.log(line(row));
}
