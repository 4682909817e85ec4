type Setting = {
  readonly name: string;
  readonly type: string;
  readonly byDefault: unknown;
  readonly isRequired: boolean;
  readonly description: string;
  readonly secrecy: string;
};

export type Described = { readonly program: string; readonly settings: readonly Setting[] };

const HEAD = ['| variable | type | default | secret | meaning |', '| --- | --- | --- | --- | --- |'];

/** docs/configuration.md: what several programs read in the same way stands once, the rest under each program. */
export function renderDocument(programs: readonly Described[], introduction: string): string {
  const readers = new Map<string, string[]>();
  for (const { program, settings } of programs) {
    for (const setting of settings) readers.set(row(setting), [...(readers.get(row(setting)) ?? []), program]);
  }
  const isShared = (line: string): boolean => (readers.get(line)?.length ?? 0) > 1;
  const shared = [...readers].filter(([line]) => isShared(line)).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const sections = [
    introduction.trimEnd(),
    [
      '## Read by several programs',
      '| variable | type | default | secret | meaning | read by |',
      '| --- | --- | --- | --- | --- | --- |',
      ...shared.map(
        ([line, names]) =>
          `${line} ${names.length === programs.length - 1 ? everyBut(programs, names) : names.join(', ')} |`,
      ),
    ].join('\n'),
    ...programs.map(({ program, settings }) => {
      const lines = settings.map(row).filter((line) => !isShared(line));
      return [`## ${program}`, ...(lines.length === 0 ? ['Nothing of its own.'] : [...HEAD, ...lines])].join('\n');
    }),
  ];
  return `${sections.join('\n\n')}\n`;
}

function everyBut(programs: readonly Described[], names: readonly string[]): string {
  return `all but ${programs.map(({ program }) => program).find((program) => !names.includes(program))}`;
}

function row({ name, type, byDefault, isRequired, secrecy, description }: Setting): string {
  const given = isRequired ? '**must be given**' : byDefault === '' ? 'empty' : code(String(byDefault));
  const secret = { none: 'no', credentials: 'its credentials' }[secrecy] ?? 'yes';
  return `| ${code(name)} | ${inCell(type)} | ${given} | ${secret} | ${inCell(description)} |`;
}

const code = (text: string): string => `\`${text}\``;

const inCell = (text: string): string => text.replaceAll('|', '\\|');
