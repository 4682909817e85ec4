import { badInput } from './problems.ts';

export type StartLink = {
  readonly username: string;
  readonly payload: string | undefined;
  readonly isForGroup: boolean;
};

const HOSTS = new Set(['t.me', 'telegram.me', 'telegram.dog', 'www.t.me']);
const PAYLOAD = /^[A-Za-z0-9_-]{1,64}$/;

/** https://t.me/<bot>?start=<payload>, tg://resolve?domain=<bot>&start=<payload>, and the same with startgroup. */
export function parseStartLink(source: string): StartLink {
  const url = URL.parse(source);
  if (url === null) throw badInput(`"${source}" is not a URL.`);
  const isWebLink = ['http:', 'https:'].includes(url.protocol) && HOSTS.has(url.hostname.toLowerCase());
  const isAppLink = url.protocol === 'tg:' && url.hostname === 'resolve';
  if (!isWebLink && !isAppLink)
    throw badInput(`"${source}" does not lead to Telegram; expected https://t.me/<bot>?start=<payload>.`);
  const username = isWebLink ? (url.pathname.split('/')[1] ?? '') : (url.searchParams.get('domain') ?? '');
  if (username === '') throw badInput(`"${source}" names no bot.`);
  const isForGroup = url.searchParams.has('startgroup');
  const payload = url.searchParams.get(isForGroup ? 'startgroup' : 'start') ?? '';
  if (payload !== '' && !PAYLOAD.test(payload)) {
    throw badInput(
      'The payload of a link has at most 64 characters of A-Z a-z 0-9 _ -; Telegram would not pass it on.',
    );
  }
  return { username, payload: payload === '' ? undefined : payload, isForGroup };
}
