/** Of both ways; whoever maps longer bodies wants a program, not a route. */
export const MAX_MAPPED_BYTES = 1_048_576;

const UTF8 = new TextDecoder('utf-8', { fatal: true });

type Raw = { readonly rawJSON: (text: string) => unknown; readonly isRawJSON: (value: unknown) => boolean };
const { rawJSON, isRawJSON } = JSON as unknown as Raw;

export { isRawJSON };

/**
 * Reads JSON so that what is not touched comes out again as it was: a number that a double cannot hold stays its text.
 * Throws for what is not JSON, and for members that would reach a prototype.
 */
export function readExactJson(bytes: Buffer): unknown {
  return JSON.parse(UTF8.decode(bytes), (key: string, value: unknown, context?: { readonly source?: string }) => {
    refusePrototype(key);
    const source = context?.source;
    return typeof value === 'number' && source !== undefined && String(value) !== source ? rawJSON(source) : value;
  });
}

/** Reads JSON for ourselves. Throws for the same. */
export const readJson = (bytes: Buffer): unknown =>
  JSON.parse(UTF8.decode(bytes), (key: string, value: unknown) => {
    refusePrototype(key);
    return value;
  });

function refusePrototype(key: string): void {
  if (key === '__proto__') throw new SyntaxError('A member named __proto__ is not taken.');
}

export const writeJson = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** `application/json` with any parameters; not its relatives, which mean something of their own. */
export const isJsonType = (contentType: string | undefined): boolean =>
  /^application\/json[ \t]*(;|$)/i.test(contentType ?? '');
