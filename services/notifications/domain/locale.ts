export type Locale = 'id' | 'en';

/** Telegram's `language_code` is an IETF tag of the app: `id`, `en-GB`; until 1989 Indonesian was `in`. */
export const localeOf = (languageCode: string | null): Locale => {
  const language = languageCode?.split('-')[0]?.toLowerCase();
  return language === 'id' || language === 'in' ? 'id' : 'en';
};
