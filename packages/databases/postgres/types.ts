import pg from 'pg';

const { builtins } = pg.types;

/**
 * How PostgreSQL's types look in TypeScript: `timestamptz` is an Instant, `bigint` a bigint, `date` its ISO text.
 * pg's own defaults lose microseconds and, for `date`, shift the day by the machine's time zone.
 */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format !== 'binary') {
      if (oid === builtins.TIMESTAMPTZ) return (text: string) => Temporal.Instant.from(text);
      if (oid === builtins.INT8) return (text: string) => BigInt(text);
      if (oid === builtins.DATE) return (text: string) => text;
    }
    return pg.types.getTypeParser(oid, format as 'text');
  },
};

/** pg would turn an Instant into quoted JSON. */
export const toParameter = (value: unknown): unknown => (value instanceof Temporal.Instant ? value.toString() : value);
