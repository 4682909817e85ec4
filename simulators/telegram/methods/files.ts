import { badRequest } from '../bot-api/errors.ts';
import { fileOnWire, type StoredFile } from '../world/file-shelf.ts';
import { readFileInput } from './file-input.ts';
import { readImageSize } from './image-size.ts';
import type { Method, MethodCall } from './method.ts';
import { readCaption, send } from './send.ts';

const MEGABYTE = 1024 * 1024;
const LARGEST_PHOTO_BYTES = 10 * MEGABYTE;
const LARGEST_DOCUMENT_BYTES = 50 * MEGABYTE;
const LARGEST_URL_PHOTO_BYTES = 5 * MEGABYTE;
const LARGEST_URL_DOCUMENT_BYTES = 20 * MEGABYTE;
const LARGEST_DOWNLOAD_BYTES = 20 * MEGABYTE;
const LARGEST_SIDES = 10_000;
const LARGEST_RATIO = 20;

export const sendPhoto: Method = async (call) => {
  const file = await readPhoto(call);
  return { result: send(call, { photo: [fileOnWire(file)], ...readCaption(call) }) };
};

export const sendDocument: Method = async (call) => {
  const file = await readDocument(call);
  return { result: send(call, { document: fileOnWire(file), ...readCaption(call) }) };
};

export const getFile: Method = ({ simulator, bot, parameters }) => {
  const file = simulator.world.files.get(parameters.text('file_id'), bot.id);
  if (file === undefined) throw badRequest('wrong file_id or the file is temporarily unavailable');
  if (file.sizeBytes > LARGEST_DOWNLOAD_BYTES) throw badRequest('file is too big');
  const { file_id, file_unique_id, file_size } = fileOnWire(file);
  return { result: { file_id, file_unique_id, file_size, file_path: file.filePath } };
};

async function readPhoto(call: MethodCall): Promise<StoredFile> {
  const input = await readFileInput(call, 'photo', LARGEST_URL_PHOTO_BYTES);
  if ('known' in input) {
    if (input.known.kind !== 'photo') throw badRequest("can't use file of type Document as Photo");
    return input.known;
  }
  const { bytes, name } = input.uploaded;
  if (bytes.length === 0) throw badRequest('file must be non-empty');
  if (bytes.length > LARGEST_PHOTO_BYTES) throw badRequest('file is too big');
  const size = readImageSize(bytes);
  if (size === undefined) {
    throw badRequest(call.parameters.has('photo') ? 'wrong type of the web page content' : 'IMAGE_PROCESS_FAILED');
  }
  const ratio = Math.max(size.width, size.height) / Math.max(1, Math.min(size.width, size.height));
  if (size.width + size.height > LARGEST_SIDES || ratio > LARGEST_RATIO) throw badRequest('PHOTO_INVALID_DIMENSIONS');
  return call.simulator.world.files.add({ botId: call.bot.id, kind: 'photo', fileName: name, ...size }, bytes);
}

async function readDocument(call: MethodCall): Promise<StoredFile> {
  const input = await readFileInput(call, 'document', LARGEST_URL_DOCUMENT_BYTES);
  if ('known' in input) {
    if (input.known.kind !== 'document') throw badRequest("can't use file of type Photo as Document");
    return input.known;
  }
  const { bytes, name, mimeType } = input.uploaded;
  if (bytes.length === 0) throw badRequest('file must be non-empty');
  if (bytes.length > LARGEST_DOCUMENT_BYTES) throw badRequest('file is too big');
  const description = {
    botId: call.bot.id,
    kind: 'document',
    fileName: name === '' ? undefined : name,
    mimeType: mimeType === '' ? 'application/octet-stream' : mimeType,
    width: undefined,
    height: undefined,
  } as const;
  return call.simulator.world.files.add(description, bytes);
}
