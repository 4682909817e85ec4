import pg from 'pg';

const { builtins } = pg.types;

type Parse = (text: string) => unknown;
type TextArray = readonly (string | null | TextArray)[];

const PARSERS: ReadonlyMap<number, Parse> = new Map<number, Parse>([
  [builtins.TIMESTAMPTZ, (text) => Temporal.Instant.from(text)],
  [builtins.INT8, (text) => BigInt(text)],
  [builtins.DATE, (text) => text],
]);

// The array types' oids (pg_type.dat); pg does not name them.
const TEXT_ARRAY: number = 1009;
const ELEMENT_OF: ReadonlyMap<number, number> = new Map([
  [1185, builtins.TIMESTAMPTZ],
  [1016, builtins.INT8],
  [1182, builtins.DATE],
]);

const parseEach = (elements: TextArray, parse: Parse): unknown[] =>
  elements.map((element) =>
    element === null ? null : typeof element === 'string' ? parse(element) : parseEach(element, parse),
  );

/**
 * How PostgreSQL's types look in TypeScript, alone and in arrays: `timestamptz` is an Instant, `bigint` a bigint, `date`
 * its ISO text. pg's own defaults lose microseconds and, for `date`, shift the day by the machine's time zone.
 */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format !== 'binary') {
      const parse = PARSERS.get(oid);
      if (parse !== undefined) return parse;
      const parseElement = PARSERS.get(ELEMENT_OF.get(oid) ?? 0);
      const parseTexts: (text: string) => TextArray = pg.types.getTypeParser(TEXT_ARRAY, 'text');
      if (parseElement !== undefined) return (text: string) => parseEach(parseTexts(text), parseElement);
    }
    return pg.types.getTypeParser(oid, format as 'text');
  },
};
