import { CallParameters, type UploadedFile } from './call-parameters.ts';
import { badRequest } from './errors.ts';

/** Query string first, then the body: the first value of a name counts. */
export async function readParameters(
  query: string,
  contentType: string,
  body: Buffer | undefined,
): Promise<CallParameters> {
  const values = new Map<string, string>();
  const files = new Map<string, UploadedFile>();
  const add = (name: string, value: string) => {
    if (!values.has(name)) values.set(name, value);
  };
  for (const [name, value] of new URLSearchParams(query)) add(name, value);
  if (body === undefined || body.length === 0) return new CallParameters(values, files);

  const mediaType = contentType.split(';')[0]?.trim().toLowerCase();
  if (mediaType === 'application/json') {
    for (const [name, value] of jsonMembers(body)) add(name, value);
  } else if (mediaType === 'application/x-www-form-urlencoded') {
    for (const [name, value] of new URLSearchParams(body.toString('utf8'))) add(name, value);
  } else if (mediaType === 'multipart/form-data') {
    for (const [name, value] of await readMultipart(contentType, body)) {
      if (typeof value === 'string') add(name, value);
      else files.set(name, { name: value.name, mimeType: value.type, bytes: Buffer.from(await value.arrayBuffer()) });
    }
  }
  return new CallParameters(values, files);
}

function jsonMembers(body: Buffer): [string, string][] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    throw badRequest("can't parse JSON object");
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw badRequest("can't parse JSON object");
  return Object.entries(parsed)
    .filter(([, value]) => value !== null)
    .map(([name, value]): [string, string] => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
}

async function readMultipart(contentType: string, body: Buffer): Promise<FormData> {
  try {
    // The fetch standard's own parser: one less dependency.
    return await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData();
  } catch {
    throw badRequest("can't parse multipart/form-data");
  }
}
