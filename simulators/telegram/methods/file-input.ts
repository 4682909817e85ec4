import { basename } from 'node:path';
import { request } from 'undici';
import type { UploadedFile } from '../bot-api/call-parameters.ts';
import { badRequest } from '../bot-api/errors.ts';
import type { StoredFile } from '../world/file-shelf.ts';
import type { MethodCall } from './method.ts';

export type FileInput = { readonly known: StoredFile } | { readonly uploaded: UploadedFile };

const FETCH_TIMEOUT_MS = 10_000;
const WRONG_FILE = 'wrong file_id or the file is temporarily unavailable';

/** A file is given as a part of the request, as attach://<part>, as a file_id of this bot, or as a URL. */
export async function readFileInput(call: MethodCall, name: string, largestUrlBytes: number): Promise<FileInput> {
  const { parameters, simulator, bot } = call;
  const part = parameters.file(name);
  if (part !== undefined) return { uploaded: part };
  const reference = parameters.text(name);
  if (reference === '') throw badRequest(`there is no ${name} in the request`);
  if (reference.startsWith('attach://')) {
    const attached = parameters.file(reference.slice('attach://'.length));
    if (attached === undefined) throw badRequest(`there is no ${name} in the request`);
    return { uploaded: attached };
  }
  const known = simulator.world.files.get(reference, bot.id);
  if (known !== undefined) return { known };
  if (!reference.includes('://')) throw badRequest(WRONG_FILE);
  return { uploaded: await fetchFile(reference, largestUrlBytes) };
}

/** The simulator never leaves this machine; every other address counts as one that cannot be reached. */
async function fetchFile(source: string, largestBytes: number): Promise<UploadedFile> {
  const url = URL.parse(source);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) throw badRequest('wrong HTTP URL specified');
  if (!['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)) throw badRequest('failed to get HTTP URL content');
  try {
    const answer = await request(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    if (answer.statusCode !== 200 || bytes.length > largestBytes) throw new Error(`answered ${answer.statusCode}`);
    const mimeType = String(answer.headers['content-type'] ?? '').split(';')[0] ?? '';
    return { name: basename(url.pathname), mimeType, bytes };
  } catch (error) {
    throw Object.assign(badRequest('failed to get HTTP URL content'), { cause: error });
  }
}
