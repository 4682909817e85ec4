/** Switches of the simulator itself, changed by a control call. */
export type Settings = {
  /** Off: retries come exactly after 2, 10, 30, 90 and 210 minutes. */
  retryJitter: boolean;
  /** How long a bank takes to confirm a refund, which causes its second notification. */
  refundConfirmationSeconds: number;
  /** How long after `expiry_time` a payment stays pending, and payable: Midtrans tells of an expiry within 90 seconds. */
  expiryDelaySeconds: number;
};

export const defaultSettings = (): Settings => ({
  retryJitter: true,
  refundConfirmationSeconds: 30,
  expiryDelaySeconds: 0,
});
