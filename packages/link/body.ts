export type LinkBody = string | Uint8Array | null;

export const bodyBytesOf = (body: LinkBody): number =>
  body === null ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length;

export function writeBody(slab: Buffer, at: number, body: LinkBody): void {
  if (body === null) return;
  if (typeof body === 'string') slab.write(body, at, 'utf8');
  else slab.set(body, at);
}
