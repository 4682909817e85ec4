import type { FormattedText, MessageEntity } from '../world/wire.ts';
import { customEmojiId, linkEntity } from './links.ts';
import { byteOffset, cannotParse } from './markup-error.ts';

/** The names are those Telegram uses in its refusals. */
type Style =
  | 'Bold'
  | 'Italic'
  | 'Underline'
  | 'Strikethrough'
  | 'Spoiler'
  | 'Code'
  | 'Pre'
  | 'PreCode'
  | 'TextUrl'
  | 'CustomEmoji'
  | 'BlockQuote';

type OpenStyle = { readonly style: Style; readonly offset: number; readonly at: number; readonly language?: string };

const RESERVED = '_*[]()~`>#+-=|{}.!';
const PLAIN_STYLES = [
  ['__', 'Underline', 'underline'],
  ['||', 'Spoiler', 'spoiler'],
  ['_', 'Italic', 'italic'],
  ['*', 'Bold', 'bold'],
  ['~', 'Strikethrough', 'strikethrough'],
] as const;

/** parse_mode MarkdownV2: every reserved character opens or closes something, or is escaped, or is an error. */
export function parseMarkdownV2(source: string): FormattedText {
  return new MarkdownV2Reader(source).read();
}

class MarkdownV2Reader {
  readonly #source: string;
  #index = 0;
  #text = '';
  readonly #open: OpenStyle[] = [];
  readonly #entities: MessageEntity[] = [];

  constructor(source: string) {
    this.#source = source;
  }

  read(): FormattedText {
    while (this.#index < this.#source.length) this.#readOne();
    if (this.#top?.style === 'BlockQuote') this.#close('blockquote');
    this.#refuseUnclosed();
    return { text: this.#text, entities: this.#entities };
  }

  get #top(): OpenStyle | undefined {
    return this.#open.at(-1);
  }

  #startsWith(token: string): boolean {
    return this.#source.startsWith(token, this.#index);
  }

  #readOne(): void {
    const character = this.#source.charAt(this.#index);
    const escaped = this.#source.charAt(this.#index + 1);
    const style = this.#top?.style;
    // Any ASCII character may be escaped, not only the reserved ones.
    if (character === '\\' && escaped !== '' && escaped.charCodeAt(0) < 127) {
      this.#take(escaped, 2);
    } else if (style === 'Code' || style === 'Pre' || style === 'PreCode') {
      this.#readVerbatim(style);
    } else if (this.#isLineStart() && this.#readQuoteStart()) {
      return;
    } else if (character === '\n') {
      this.#readLineEnd();
    } else if (!RESERVED.includes(character)) {
      this.#take(character, 1);
    } else if (!this.#closeTop()) {
      this.#openStyle(character);
    }
  }

  #take(text: string, length: number): void {
    this.#text += text;
    this.#index += length;
  }

  #readVerbatim(style: 'Code' | 'Pre' | 'PreCode'): void {
    const fence = style === 'Code' ? '`' : '```';
    if (!this.#startsWith(fence)) {
      this.#take(this.#source.charAt(this.#index), 1);
      return;
    }
    this.#index += fence.length;
    this.#close(style === 'Code' ? 'code' : 'pre', { language: this.#top?.language });
  }

  #isLineStart(): boolean {
    return this.#index === 0 || this.#source[this.#index - 1] === '\n';
  }

  #isInQuote(): boolean {
    return this.#open.some((open) => open.style === 'BlockQuote');
  }

  /** `**>` begins a quote right after another one. */
  #readQuoteStart(): boolean {
    const token = ['>', '**>'].find((candidate) => this.#startsWith(candidate));
    if (token === undefined || this.#isInQuote() || this.#top !== undefined) return false;
    this.#push('BlockQuote', this.#index);
    this.#index += token.length;
    return true;
  }

  #readLineEnd(): void {
    if (this.#isInQuote()) {
      if (this.#source[this.#index + 1] === '>') {
        this.#take('\n', 2);
        return;
      }
      if (this.#top?.style !== 'BlockQuote') this.#refuseUnclosed();
      this.#close('blockquote');
    }
    this.#take('\n', 1);
  }

  #closeTop(): boolean {
    const style = this.#top?.style;
    if (style === 'BlockQuote' && this.#startsWith('||') && /^(\n|$)/.test(this.#source.slice(this.#index + 2))) {
      this.#index += 2;
      this.#close('expandable_blockquote');
      return true;
    }
    if ((style === 'TextUrl' || style === 'CustomEmoji') && this.#startsWith(']')) {
      this.#closeLink(style);
      return true;
    }
    // The longest token wins, so `__` is never two ends of italic.
    const token = PLAIN_STYLES.find(([mark]) => this.#startsWith(mark));
    if (token === undefined || token[1] !== style) return false;
    this.#index += token[0].length;
    this.#close(token[2]);
    return true;
  }

  #openStyle(character: string): void {
    const begin = this.#index;
    const token = PLAIN_STYLES.find(([mark]) => this.#startsWith(mark));
    if (token !== undefined) {
      this.#index += token[0].length;
      this.#push(token[1], begin);
    } else if (character === '[' || this.#startsWith('![')) {
      this.#index += character === '[' ? 1 : 2;
      this.#push(character === '[' ? 'TextUrl' : 'CustomEmoji', begin);
    } else if (character === '`') {
      this.#openVerbatim(begin);
    } else {
      throw cannotParse(`Character '${character}' is reserved and must be escaped with the preceding '\\'`);
    }
  }

  #openVerbatim(begin: number): void {
    if (!this.#startsWith('```')) {
      this.#index += 1;
      this.#push('Code', begin);
      return;
    }
    this.#index += 3;
    const language = /^[^\s`]+(?=\s)/.exec(this.#source.slice(this.#index))?.[0];
    this.#index += language?.length ?? 0;
    this.#index += /^(\r\n|\n\r|\n|\r)?/.exec(this.#source.slice(this.#index))?.[0].length ?? 0;
    this.#push(language === undefined ? 'Pre' : 'PreCode', begin, language);
  }

  #closeLink(style: 'TextUrl' | 'CustomEmoji'): void {
    this.#index += 1;
    const inner = this.#text.slice(this.#top?.offset ?? 0);
    const address = this.#startsWith('(') ? this.#readAddress() : inner;
    if (style === 'TextUrl') {
      const open = this.#open.pop();
      const link = open && linkEntity(address, open.offset, inner.length);
      if (link !== undefined) this.#entities.push(link);
      return;
    }
    const id = customEmojiId(address);
    if (id === undefined) throw cannotParse('Custom emoji entity must contain a tg://emoji URL');
    this.#close('custom_emoji', { custom_emoji_id: id });
  }

  #readAddress(): string {
    const at = byteOffset(this.#source, this.#index);
    let address = '';
    for (this.#index += 1; this.#index < this.#source.length; this.#index += 1) {
      const character = this.#source.charAt(this.#index);
      if (character === ')') {
        this.#index += 1;
        return address;
      }
      if (character === '\\' && this.#index + 1 < this.#source.length) this.#index += 1;
      address += this.#source.charAt(this.#index);
    }
    throw cannotParse(`Can't find end of a URL at byte offset ${at}`);
  }

  #push(style: Style, begin: number, language?: string): void {
    const open = { style, offset: this.#text.length, at: byteOffset(this.#source, begin) };
    this.#open.push(language === undefined ? open : { ...open, language });
  }

  #close(type: string, details: Partial<MessageEntity> = {}): void {
    const open = this.#open.pop();
    if (open === undefined) return;
    this.#entities.push({ type, offset: open.offset, length: this.#text.length - open.offset, ...details });
  }

  #refuseUnclosed(): void {
    const top = this.#top;
    if (top !== undefined) throw cannotParse(`Can't find end of ${top.style} entity at byte offset ${top.at}`);
  }
}
