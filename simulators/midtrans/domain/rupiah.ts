/** Midtrans takes whole rupiah and answers with two decimals; the signature covers the answered form. */
export const formatRupiah = (amount: number): string => `${amount}.00`;
