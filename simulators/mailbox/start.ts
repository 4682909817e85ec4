import { closeWithParent } from '../shared/close-with-parent.ts';
import { createMailbox } from './app.ts';
import { readConfig } from './config.ts';

const { host, port, smtpPort, ...options } = readConfig(process.env);
const { app, listenSmtp } = await createMailbox(options);
closeWithParent(app);

const smtpAt = await listenSmtp({ host, port: smtpPort });
console.log(`Mailbox on ${await app.listen({ host, port })}, SMTP on ${host}:${smtpAt}`);
