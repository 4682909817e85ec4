import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';

/** A little service, to have something behind the gateway. */
export const readNote = endpoint({
  name: 'notes.read-note',
  method: 'GET',
  path: '/v1/notes/:noteId',
  summary: 'One note',
  permission: 'note:read',
  reach: 'own',
  params: Closed({ noteId: Type.String() }),
  query: Closed({ full: Type.Optional(Type.String()) }),
  response: Type.Record(Type.String(), Type.Unknown()),
});

export const writeNote = endpoint({
  name: 'notes.write-note',
  method: 'POST',
  path: '/v1/notes',
  summary: 'Write a note',
  permission: 'note:write',
  reach: 'own',
  maxBodyBytes: 1_048_576,
  body: Closed({ text: Type.String() }),
  response: Closed({ text: Type.String() }),
  status: 201,
  idempotency: true,
});

export const appendNote = endpoint({
  name: 'notes.append-note',
  method: 'POST',
  path: '/v1/notes/:noteId/lines',
  summary: 'Append to a note; not idempotent in any way',
  permission: 'note:write',
  reach: 'own',
  params: Closed({ noteId: Type.String() }),
  body: Closed({ text: Type.String() }),
  response: Closed({ text: Type.String() }),
});

export const purgeNotes = endpoint({
  name: 'notes.purge-notes',
  method: 'DELETE',
  path: '/v1/notes/:noteId',
  summary: 'Needs more than a member has',
  permission: 'note:purge',
  reach: 'tenant',
  params: Closed({ noteId: Type.String() }),
});

export const readPublic = endpoint({
  name: 'notes.read-public',
  method: 'GET',
  path: '/v1/public-notes',
  summary: 'Asks nobody',
  access: 'public',
  response: Type.Record(Type.String(), Type.Unknown()),
});

export const guess = endpoint({
  name: 'notes.guess',
  method: 'POST',
  path: '/v1/guesses',
  summary: 'Guessable, so counted per address',
  access: 'public',
  body: Closed({ guess: Type.String() }),
  response: Closed({ right: Type.Boolean() }),
  rateLimit: { limit: 5, windowSeconds: 600 },
});
