/** Where everything listens; `TENANTRY_PORT_OFFSET` moves all of them, so that a second launcher can run beside the first. */
export const PORTS = {
  gateway: 8000,
  hub: 8010,
  users: 8021,
  subscriptions: 8022,
  payments: 8023,
  notifications: 8024,
  billing: 8025,
  midtrans: 9001,
  telegram: 9002,
  mailbox: 9003,
  smtp: 9025,
} as const;

export type PortName = keyof typeof PORTS;
export type Ports = Readonly<Record<PortName, number>>;

export function portsWithOffset(offset: number): Ports {
  const moved = (name: PortName): number => PORTS[name] + offset;
  return {
    gateway: moved('gateway'),
    hub: moved('hub'),
    users: moved('users'),
    subscriptions: moved('subscriptions'),
    payments: moved('payments'),
    notifications: moved('notifications'),
    billing: moved('billing'),
    midtrans: moved('midtrans'),
    telegram: moved('telegram'),
    mailbox: moved('mailbox'),
    smtp: moved('smtp'),
  };
}
