import { fetchOpenBao } from './embedded/openbao.ts';
import { readSettings } from './launcher/settings.ts';

/** `node boot.mjs deploy/fetch-openbao.ts`: so that the tests of the Vault engine run against a real one too. */
const fault = await fetchOpenBao(readSettings(process.env).serversDir);
console.log(fault === null ? 'OpenBao is there.' : `OpenBao is left out: ${fault}.`);
