export type Bank = 'bca' | 'bni' | 'bri' | 'permata';

export type PaymentMethod =
  | { readonly type: 'bank_transfer'; readonly bank: Bank }
  | { readonly type: 'qris' }
  | { readonly type: 'gopay' };

/** How to pay: of a bank transfer the virtual account, of QRIS the code, of GoPay the link. */
export type Instructions =
  | { readonly bank: Bank; readonly vaNumber: string }
  | { readonly qrString: string; readonly qrImageUrl: string | null }
  | { readonly deeplinkUrl: string; readonly qrImageUrl: string | null };
