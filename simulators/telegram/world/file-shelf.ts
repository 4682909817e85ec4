import { createHash, randomBytes } from 'node:crypto';
import type { FileReference } from './wire.ts';

export type StoredFile = {
  readonly fileId: string;
  readonly fileUniqueId: string;
  /** A file_id is good for the bot that received it and for no other. */
  readonly botId: number;
  readonly kind: 'photo' | 'document';
  readonly filePath: string;
  readonly fileName: string | undefined;
  readonly mimeType: string;
  readonly sizeBytes: number;
  readonly width: number | undefined;
  readonly height: number | undefined;
};

/** Contents are kept in memory up to this much, oldest forgotten first, and never written to disk. */
const LARGEST_SHELF_BYTES = 64 * 1024 * 1024;

export class FileShelf {
  readonly #files = new Map<string, StoredFile>();
  readonly #contents = new Map<string, Buffer>();
  #shelfBytes = 0;

  add(
    file: Pick<StoredFile, 'botId' | 'kind' | 'fileName' | 'mimeType' | 'width' | 'height'>,
    bytes: Buffer,
  ): StoredFile {
    const fileUniqueId = createHash('sha256').update(bytes).digest('base64url').slice(0, 16);
    const folder = file.kind === 'photo' ? 'photos' : 'documents';
    const extension = /\.[A-Za-z0-9]{1,8}$/.exec(file.fileName ?? '')?.[0] ?? (file.kind === 'photo' ? '.jpg' : '');
    const stored: StoredFile = {
      ...file,
      fileId: `${file.kind === 'photo' ? 'AgAC' : 'BQAC'}${randomBytes(36).toString('base64url')}`,
      fileUniqueId,
      filePath: `${folder}/file_${this.#files.size}${extension}`,
      sizeBytes: bytes.length,
    };
    this.#files.set(stored.fileId, stored);
    this.#keep(fileUniqueId, bytes);
    return stored;
  }

  get(fileId: string, botId: number): StoredFile | undefined {
    const file = this.#files.get(fileId);
    return file?.botId === botId ? file : undefined;
  }

  find(fileId: string): StoredFile | undefined {
    return this.#files.get(fileId);
  }

  findByPath(filePath: string, botId: number): StoredFile | undefined {
    for (const file of this.#files.values()) if (file.botId === botId && file.filePath === filePath) return file;
    return undefined;
  }

  content(file: StoredFile): Buffer | undefined {
    return this.#contents.get(file.fileUniqueId);
  }

  list(): StoredFile[] {
    return [...this.#files.values()];
  }

  restore(files: readonly StoredFile[]): void {
    for (const file of files) this.#files.set(file.fileId, file);
  }

  clear(): void {
    this.#files.clear();
    this.#contents.clear();
    this.#shelfBytes = 0;
  }

  #keep(fileUniqueId: string, bytes: Buffer): void {
    if (this.#contents.has(fileUniqueId)) return;
    this.#contents.set(fileUniqueId, bytes);
    this.#shelfBytes += bytes.length;
    for (const [oldest, content] of this.#contents) {
      if (this.#shelfBytes <= LARGEST_SHELF_BYTES) break;
      this.#contents.delete(oldest);
      this.#shelfBytes -= content.length;
    }
  }
}

export const fileOnWire = (file: StoredFile): FileReference => ({
  file_id: file.fileId,
  file_unique_id: file.fileUniqueId,
  file_size: file.sizeBytes,
  file_name: file.kind === 'document' ? file.fileName : undefined,
  mime_type: file.kind === 'document' ? file.mimeType : undefined,
  width: file.width,
  height: file.height,
});
