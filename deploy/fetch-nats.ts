import { fetchNewerNats } from './embedded/newer-nats.ts';
import { readSettings } from './launcher/settings.ts';

/** `node boot.mjs deploy/fetch-nats.ts`: a NATS server that is newer than the distribution's, for `npm start` and the tests. */
const fault = await fetchNewerNats(readSettings(process.env).serversDir);
console.log(fault === null ? 'The newer NATS is there.' : `The newer NATS is left out: ${fault}.`);
