-- PostgreSQL holds one lock of the whole server while a transaction with a NOTIFY commits, so all of them commit one after
-- the other. The process that has committed tells relay and ticker itself; both look once a second as well.
drop trigger outbox_notify on outbox;
drop trigger due_notify on due;
drop function notify_worker();
