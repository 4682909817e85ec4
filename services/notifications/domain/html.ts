/** Text that is safe to send with Telegram's parse_mode HTML. Only this file makes it, so nothing unescaped gets in. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (char) => ENTITIES[char] ?? char);

const toMarkup = (value: string | Html): string => (value instanceof Html ? value.markup : escapeHtml(value));

/** A template: its own words are markup, everything put into it is text unless it is Html already. */
export const html = (strings: TemplateStringsArray, ...values: readonly (string | Html)[]): Html =>
  new Html(strings.map((text, index) => text + (index < values.length ? toMarkup(values[index] ?? '') : '')).join(''));

export const bold = (text: string): Html => html`<b>${text}</b>`;

/** What a reader sees of it. */
export const toPlainText = ({ markup }: Html): string =>
  markup
    .replace(/<[^>]*>/g, '')
    .replaceAll('&quot;', '"')
    .replaceAll('&gt;', '>')
    .replaceAll('&lt;', '<')
    .replaceAll('&amp;', '&');
