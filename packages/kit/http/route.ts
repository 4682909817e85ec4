import type { IncomingHttpHeaders } from 'node:http';
import type { Principal } from '@tenantry/auth/principal.ts';
import type { BodyOf, Endpoint, ParamsOf, QueryOf, ResponseOf } from '@tenantry/contract/endpoint.ts';
import type { TSchema } from 'typebox';

/** A file instead of JSON: streamed with its type and name. */
export class FileAnswer {
  readonly contentType: string;
  readonly fileName: string;
  readonly bytes: Buffer;

  constructor(file: { contentType: string; fileName: string; bytes: Buffer }) {
    this.contentType = file.contentType;
    this.fileName = file.fileName;
    this.bytes = file.bytes;
  }
}

/** An answer of something that people edit: its version goes out as a strong ETag (RFC 9110 §8.8.3). */
export class Versioned<Body> {
  readonly body: Body;
  readonly version: number;

  constructor(body: Body, version: number) {
    this.body = body;
    this.version = version;
  }
}

export type Call<E extends Endpoint> = {
  readonly params: ParamsOf<E>;
  readonly query: QueryOf<E>;
  readonly body: BodyOf<E>;
  readonly headers: IncomingHttpHeaders;
  /** The version that If-Match names; null without the header or for `*`. A use case that edits refuses another one. */
  readonly ifMatchVersion: number | null;
  /** Address of the client as the gateway saw it. */
  readonly clientAddress: string;
  /**
   * A UUID for the thing that this request creates. With an Idempotency-Key it is the one that the first attempt
   * minted, so a repeat after a crash meets what was committed.
   */
  readonly resourceUuid: string;
};

export type PrincipalCall<E extends Endpoint> = Call<E> & { readonly principal: Principal };

type Answer<E extends Endpoint> = ResponseOf<E> | Versioned<ResponseOf<E>> | FileAnswer | undefined;

export type Route = {
  readonly endpoint: Endpoint;
  readonly answer: (call: PrincipalCall<Endpoint> | Call<Endpoint>) => Promise<unknown>;
};

/** Binds an endpoint to what answers it. The kit has checked the passport, the permission and the input before. */
export const serve = <E extends Endpoint<TSchema, TSchema, TSchema, TSchema>>(
  endpoint: E,
  answer: (call: PrincipalCall<E>) => Promise<Answer<E>>,
): Route => ({ endpoint: endpoint as Endpoint, answer: answer as Route['answer'] });

/** The same for an endpoint that asks nobody for a token. */
export const servePublic = <E extends Endpoint<TSchema, TSchema, TSchema, TSchema>>(
  endpoint: E,
  answer: (call: Call<E>) => Promise<Answer<E>>,
): Route => ({
  endpoint: endpoint as Endpoint,
  answer: answer as Route['answer'],
});
