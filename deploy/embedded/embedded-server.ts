import type { Child } from './child.ts';

/** `fast` trades durability for speed: for tests, whose stores end with the run. */
export type Tuning = 'durable' | 'fast';

export type EmbeddedServerOptions = {
  readonly dataDir: string;
  /** A free one when left out. */
  readonly port?: number;
  readonly logFile: string;
  readonly tuning?: Tuning;
  /** Told what a person should know, in sentences: a download, an unusual place. */
  readonly say?: (sentence: string) => void;
  /** Told as soon as the process exists, before it is ready. */
  readonly onSpawn?: (child: Child) => void;
};

export type EmbeddedServer = Child & {
  readonly url: string;
  readonly port: number;
  /** Where a server can live without working. */
  readonly isWell?: () => Promise<boolean>;
};
