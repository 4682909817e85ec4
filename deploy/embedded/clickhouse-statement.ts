/** What chDB would run silently and a ClickHouse server refuses: more than one statement in one request. */
export class MultipleStatements extends Error {
  override readonly name = 'MultipleStatements';
}

// One token at a time: strings with either escape, quoted names, here-documents, the three comments, anything else.
const TOKEN =
  /'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`|\$(\w*)\$.*?\$\1\$|--[^\n]*|#[ !][^\n]*|\/\*.*?\*\/|\w+|[\s\S]/gs;
const COMMENT_OR_BLANK = /^(?:--|#[ !]|\/\*|\s)/;

/**
 * The one statement without its closing semicolon. Rows that follow `INSERT … FORMAT name` are data, not SQL, and are left
 * alone; except after `FORMAT Values`, where the engine itself stops at a semicolon and would go on with the next statement.
 */
export function singleStatement(sql: string): string {
  const isInsert = /^\s*insert\b/i.test(sql);
  let end: number | undefined;
  let previousWord = '';
  for (const { 0: token, index } of sql.matchAll(TOKEN)) {
    if (COMMENT_OR_BLANK.test(token)) continue;
    if (token === ';') {
      end ??= index;
      continue;
    }
    if (end !== undefined) throw new MultipleStatements('Multi-statements are not allowed');
    if (isInsert && previousWord === 'format' && token.toLowerCase() !== 'values') return sql;
    previousWord = token.toLowerCase();
  }
  return end === undefined ? sql : sql.slice(0, end);
}
