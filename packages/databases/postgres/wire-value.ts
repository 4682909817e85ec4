/** A parameter as PostgreSQL is sent it: text form, bytes for `bytea`, or NULL. */
export type WireValue = string | Buffer | null;

/**
 * How a value of ours becomes a parameter. Instants and plain dates as they print themselves, an array as PostgreSQL's
 * array literal, any other object as JSON. An array for `jsonb` must come as `JSON.stringify(…)`.
 */
export function toWireValue(value: unknown): WireValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return String(value);
  if (value instanceof Temporal.Instant || value instanceof Temporal.PlainDate) return value.toString();
  if (Array.isArray(value)) return arrayLiteral(value);
  if (Buffer.isBuffer(value)) return value;
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return JSON.stringify(value);
}

// PostgreSQL manual, "Array Input": inside double quotes only the quote itself and the backslash are escaped.
function arrayLiteral(elements: readonly unknown[]): string {
  const texts = elements.map((element) => {
    if (Array.isArray(element)) return arrayLiteral(element);
    const value = toWireValue(element);
    if (value === null) return 'NULL';
    const text = Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : value;
    return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  });
  return `{${texts.join(',')}}`;
}
