import { describe, expect, it } from 'vitest';
import { formatText } from './format-text.ts';

const format = (text: string, parseMode?: string, entities?: unknown) => formatText(text, { parseMode, entities });
const refusal = (text: string, parseMode: string): string => {
  try {
    format(text, parseMode);
  } catch (error) {
    return error instanceof Error ? error.message.replace("Bad Request: can't parse entities: ", '') : String(error);
  }
  return 'accepted';
};

describe('HTML', () => {
  it('marks bold, links, code blocks and quotes in UTF-16 units', () => {
    expect(format('🧾 <b>Invoice</b> <a href="https://example.com/a?b=1&amp;c=2">open</a>', 'HTML')).toEqual({
      text: '🧾 Invoice open',
      entities: [
        { type: 'bold', offset: 3, length: 7 },
        { type: 'text_link', offset: 11, length: 4, url: 'https://example.com/a?b=1&c=2' },
      ],
    });
    expect(format('<pre><code class="language-sql">select 1</code></pre>', 'html').entities).toEqual([
      { type: 'pre', offset: 0, length: 8, language: 'sql' },
    ]);
    expect(format('<blockquote expandable>a</blockquote><span class="tg-spoiler">b</span>', 'HTML').entities).toEqual([
      { type: 'expandable_blockquote', offset: 0, length: 1 },
      { type: 'spoiler', offset: 1, length: 1 },
    ]);
  });

  it('decodes the four named entities and numbers, and leaves any other ampersand alone', () => {
    expect(format('&lt;b&gt; &amp; &quot; &#65;&#x42; AT&T &nbsp;', 'HTML').text).toBe('<b> & " AB AT&T &nbsp;');
  });

  it.each([
    ['a <b>bold', 'Can\'t find end tag corresponding to start tag "b"'],
    ['é<x>y</x>', 'Unsupported start tag "x" at byte offset 2'],
    ['a <b', 'Unclosed start tag at byte offset 2'],
    ['a</b>', 'Unexpected end tag at byte offset 1'],
    ['<b>a</i>', 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'],
    ['<b>a</b', 'Unclosed end tag at byte offset 4'],
    ['<b =a>', 'Empty attribute name in the tag "b" at byte offset 0'],
    ['<b a>', 'Expected equal sign in declaration of an attribute of the tag "b" at byte offset 0'],
    ['<span>a</span>', 'Tag "span" must have class "tg-spoiler" at byte offset 0'],
    ['1 < 2', 'Unsupported start tag "" at byte offset 2'],
  ])('refuses %s', (source, reason) => {
    expect(refusal(source, 'HTML')).toBe(reason);
  });
});

describe('MarkdownV2', () => {
  it('marks every style, nested too', () => {
    expect(
      format('*bold _italic_* __under__ ~gone~ ||secret|| `x*y` [link](https://example.com/a\\)b)', 'MarkdownV2'),
    ).toEqual({
      text: 'bold italic under gone secret x*y link',
      entities: [
        { type: 'bold', offset: 0, length: 11 },
        { type: 'italic', offset: 5, length: 6 },
        { type: 'underline', offset: 12, length: 5 },
        { type: 'strikethrough', offset: 18, length: 4 },
        { type: 'spoiler', offset: 23, length: 6 },
        { type: 'code', offset: 30, length: 3 },
        { type: 'text_link', offset: 34, length: 4, url: 'https://example.com/a)b' },
      ],
    });
  });

  it('reads code blocks with a language, and quotes line by line', () => {
    expect(format('```sql\nselect 1\n```', 'MarkdownV2').entities).toEqual([
      { type: 'pre', offset: 0, length: 8, language: 'sql' },
    ]);
    expect(format('>one\n>two\nafter', 'MarkdownV2')).toEqual({
      text: 'one\ntwo\nafter',
      entities: [{ type: 'blockquote', offset: 0, length: 7 }],
    });
    expect(format('>one||', 'MarkdownV2').entities).toEqual([{ type: 'expandable_blockquote', offset: 0, length: 3 }]);
  });

  it.each([...'_*[]()~`>#+-=|{}.!'])('takes %s when it is escaped', (character) => {
    expect(format(`a\\${character}b`, 'MarkdownV2').text).toBe(`a${character}b`);
  });

  it.each([...']()#+-=|{}.!'])('refuses %s when it is not', (character) => {
    expect(refusal(`a${character}b`, 'MarkdownV2')).toBe(
      `Character '${character}' is reserved and must be escaped with the preceding '\\'`,
    );
  });

  it.each([
    ['é _a', "Can't find end of Italic entity at byte offset 3"],
    ['_a * b _', "Can't find end of Italic entity at byte offset 7"],
    ['_a__', "Can't find end of Underline entity at byte offset 2"],
    ['a ```b', "Can't find end of Pre entity at byte offset 2"],
    ['a ```b c', "Can't find end of PreCode entity at byte offset 2"],
    ['[a](http://b', "Can't find end of a URL at byte offset 3"],
    ['>*a\nb', "Can't find end of Bold entity at byte offset 1"],
  ])('refuses %s', (source, reason) => {
    expect(refusal(source, 'MarkdownV2')).toBe(reason);
  });
});

describe('Other ways to format', () => {
  it('reads legacy Markdown, which names the place only', () => {
    expect(format('*b* _i_ `c` [l](http://e.com/)', 'Markdown').entities.map((entity) => entity.type)).toEqual([
      'bold',
      'italic',
      'code',
      'text_link',
    ]);
    expect(refusal('a *b', 'Markdown')).toBe("Can't find end of the entity starting at byte offset 2");
  });

  it('finds commands, mentions, addresses and hashtags by itself, but not inside code', () => {
    expect(format('/start@acme_bot abc').entities).toEqual([{ type: 'bot_command', offset: 0, length: 15 }]);
    expect(format('see https://example.com/x. or a@b.co #paid @budi').entities.map((entity) => entity.type)).toEqual([
      'url',
      'email',
      'hashtag',
      'mention',
    ]);
    expect(format('<code>/start</code>', 'HTML').entities).toEqual([{ type: 'code', offset: 0, length: 6 }]);
  });

  it('takes ready-made entities and refuses those beyond the text', () => {
    expect(format('abc', undefined, [{ type: 'bold', offset: 0, length: 3 }]).entities).toHaveLength(1);
    expect(() => format('abc', undefined, [{ type: 'bold', offset: 1, length: 3 }])).toThrow('entity ends after');
  });

  it('trims the text and moves the marks with it', () => {
    expect(format('  <b>a</b>  ', 'HTML')).toEqual({ text: 'a', entities: [{ type: 'bold', offset: 0, length: 1 }] });
  });
});
