import { describe, expect, it } from 'vitest';
import { MultipleStatements, singleStatement } from './clickhouse-statement.ts';

describe('A request carries one statement', () => {
  it.each([
    'SELECT 1; SELECT 2',
    'SELECT 1;\nDROP TABLE t',
    "SELECT ';' ; SELECT 2",
    'SELECT 1 /* ; */; SELECT 2',
    'SELECT 1 -- ;\n; SELECT 2',
    "SELECT 'it\\'s'; SELECT 2",
    "SELECT 'it''s'; SELECT 2",
    'SELECT `a;b`; SELECT 2',
    'SELECT $x$ ; $x$; SELECT 2',
    'INSERT INTO t VALUES (1); DROP TABLE t',
    'INSERT INTO t FORMAT Values (1); DROP TABLE t',
  ])('refuses %j', (sql) => {
    expect(() => singleStatement(sql)).toThrow(MultipleStatements);
  });

  it.each([
    ['SELECT 1', 'SELECT 1'],
    ['SELECT 1;', 'SELECT 1'],
    ['SELECT 1 ; ; -- the end', 'SELECT 1 '],
    ['SELECT \'a;b\', "c;d" -- e;f', 'SELECT \'a;b\', "c;d" -- e;f'],
    ['SELECT $$a;b$$', 'SELECT $$a;b$$'],
  ])('takes %j', (sql, statement) => {
    expect(singleStatement(sql)).toBe(statement);
  });

  it('leaves the rows after INSERT … FORMAT alone: there a semicolon is data', () => {
    const sql = "INSERT INTO t FORMAT TabSeparated\na;b\tit's\n;\n";
    expect(singleStatement(sql)).toBe(sql);
  });
});
