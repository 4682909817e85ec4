import type { EmbeddedServerOptions } from './embedded-server.ts';

/** A program and what it needs in its environment to find its libraries. */
export type ServerProgram = { readonly command: string; readonly env?: { readonly LD_LIBRARY_PATH: string } };
export type ServerPrograms = { readonly redis: ServerProgram; readonly nats: ServerProgram };

export type FindServersOptions = {
  /** Where fetched programs are kept between runs. */
  readonly serversDir: string;
  readonly say?: (sentence: string) => void;
  readonly path?: string;
};

export type ServerProgramOptions = EmbeddedServerOptions & {
  readonly serversDir: string;
  readonly program?: ServerProgram;
};
